package io.tunebook.jinja;

import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Real;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Locale;

/** Arithmetic as Python has it: integers of any size, floor division, booleans as 0 and 1. */
final class Numbers {
    /** Larger integers take too long to compute with; Python refuses to print those above 4,300 digits. */
    private static final int MOST_BITS = 1 << 16;

    private Numbers() {}

    static boolean is(Value value) {
        return value instanceof Int || value instanceof Real || value instanceof Bool;
    }

    /** Booleans as integers; other values as they are. */
    static Value plain(Value value) {
        return value instanceof Bool b ? Int.of(b.value() ? 1 : 0) : value;
    }

    static double real(Value number) {
        Value plain = plain(number);
        if (!(plain instanceof Int whole)) {
            return ((Real) plain).value();
        }
        double real = whole.value().doubleValue();
        if (Double.isInfinite(real)) {
            throw new TemplateException("an integer is too large for a float");
        }
        return real;
    }

    static boolean equal(Object left, Object right) {
        if (!(left instanceof Value a) || !(right instanceof Value b) || !is(a) || !is(b)) {
            return false;
        }
        if (a instanceof Real x && Double.isNaN(x.value()) || b instanceof Real y && Double.isNaN(y.value())) {
            return false;
        }
        return compare(a, b) == 0;
    }

    /** The exact order of two numbers, neither of them NaN. */
    static int compare(Value left, Value right) {
        Value a = plain(left);
        Value b = plain(right);
        if (a instanceof Int x && b instanceof Int y) {
            return x.value().compareTo(y.value());
        }
        if (a instanceof Real x && b instanceof Real y) {
            return x.value() == y.value() ? 0 : x.value() < y.value() ? -1 : 1;
        }
        if (a instanceof Real) {
            return -compare(b, a);
        }
        double y = ((Real) b).value();
        return Double.isInfinite(y) ? (y > 0 ? -1 : 1) : new BigDecimal(((Int) a).value()).compareTo(new BigDecimal(y));
    }

    static Value compute(String operator, Value left, Value right) {
        Value a = plain(left);
        Value b = plain(right);
        if (a instanceof Int x && b instanceof Int y && !operator.equals("/")) {
            if (!operator.equals("**") || y.value().signum() >= 0) {
                return new Int(whole(operator, x.value(), y.value()));
            }
        }
        if (operator.equals("/")
                && a instanceof Int x
                && b instanceof Int y
                && y.value().signum() != 0) {
            return new Real(quotient(x.value(), y.value()));
        }
        return new Real(real(operator, real(a), real(b)));
    }

    private static double quotient(BigInteger x, BigInteger y) {
        if (x.bitLength() <= 53 && y.bitLength() <= 53) {
            return x.doubleValue() / y.doubleValue();
        }
        int digits = Math.max(0, y.bitLength() - x.bitLength()) / 3 + 40;
        double q = new BigDecimal(x)
                .divide(new BigDecimal(y), digits, RoundingMode.HALF_EVEN)
                .doubleValue();
        if (Double.isInfinite(q)) {
            throw new TemplateException("the result of / is too large for a float");
        }
        return q;
    }

    private static BigInteger whole(String operator, BigInteger x, BigInteger y) {
        if ((operator.equals("//") || operator.equals("%")) && y.signum() == 0) {
            throw new TemplateException("division by zero");
        }
        return switch (operator) {
            case "+" -> small(x.add(y));
            case "-" -> small(x.subtract(y));
            case "*" -> small(x.multiply(y));
            case "//" -> floor(x, y);
            case "%" -> x.subtract(floor(x, y).multiply(y));
            default -> power(x, y);
        };
    }

    private static BigInteger floor(BigInteger x, BigInteger y) {
        BigInteger[] both = x.divideAndRemainder(y);
        return both[1].signum() != 0 && x.signum() != y.signum() ? both[0].subtract(BigInteger.ONE) : both[0];
    }

    private static BigInteger power(BigInteger x, BigInteger y) {
        if (x.bitLength() <= 1 && x.signum() >= 0) {
            return y.signum() == 0 ? BigInteger.ONE : x;
        }
        if (y.bitLength() > 31 || (long) x.bitLength() * y.intValue() > MOST_BITS) {
            if (x.equals(BigInteger.ONE.negate())) {
                return y.testBit(0) ? x : BigInteger.ONE;
            }
            throw tooLarge();
        }
        return x.pow(y.intValue());
    }

    private static BigInteger small(BigInteger value) {
        if (value.bitLength() > MOST_BITS) {
            throw tooLarge();
        }
        return value;
    }

    private static TemplateException tooLarge() {
        return new TemplateException("expected integers of at most " + MOST_BITS + " bits");
    }

    private static double real(String operator, double x, double y) {
        if (y == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))
                || x == 0 && y < 0 && operator.equals("**")) {
            throw new TemplateException("division by zero");
        }
        double result =
                switch (operator) {
                    case "+" -> x + y;
                    case "-" -> x - y;
                    case "*" -> x * y;
                    case "/" -> x / y;
                    case "//" -> floorQuotient(x, y);
                    case "%" -> floorRemainder(x, y);
                    default -> Math.pow(x, y);
                };
        if (operator.equals("**") && Double.isFinite(x) && Double.isFinite(y)) {
            if (Double.isNaN(result)) {
                throw new TemplateException("a negative number has no real power with a fraction");
            }
            if (Double.isInfinite(result)) {
                throw new TemplateException("the result of ** is too large for a float");
            }
        }
        return result;
    }

    /** As CPython's {@code float_divmod}: from the exact remainder, so that quotient and remainder agree. */
    private static double floorRemainder(double x, double y) {
        double mod = x % y;
        if (mod == 0) {
            return Math.copySign(0.0, y);
        }
        return (mod < 0) != (y < 0) ? mod + y : mod;
    }

    private static double floorQuotient(double x, double y) {
        double div = (x - x % y) / y;
        double mod = x % y;
        if (mod != 0 && (mod < 0) != (y < 0)) {
            div -= 1;
        }
        if (div == 0) {
            return Math.copySign(0.0, x / y);
        }
        double floor = Math.floor(div);
        return div - floor > 0.5 ? floor + 1 : floor;
    }

    /**
     * {@code int(text, base)}: digits with underscores between them, a sign and white space around; null if it is none.
     */
    static BigInteger parse(String text, int base) {
        String s = Texts.strip(text, null, true, true);
        boolean negative = s.startsWith("-");
        s = negative || s.startsWith("+") ? s.substring(1) : s;
        int radix = base;
        if (s.length() > 2 && s.charAt(0) == '0') {
            int given = "bB".indexOf(s.charAt(1)) >= 0
                    ? 2
                    : "oO".indexOf(s.charAt(1)) >= 0 ? 8 : "xX".indexOf(s.charAt(1)) >= 0 ? 16 : 0;
            if (given != 0 && (base == 0 || base == given)) {
                radix = given;
                s = s.substring(2);
                s = s.startsWith("_") ? s.substring(1) : s;
            }
        }
        if (base == 0 && radix == 0) {
            radix = 10;
            if (s.length() > 1 && s.charAt(0) == '0' && !s.matches("[0_]+")) {
                return null;
            }
        }
        if (radix < 2 || radix > 36 || !s.matches("[^_+-]+(_[^_+-]+)*") || s.length() > 4300) {
            return null;
        }
        try {
            BigInteger value = new BigInteger(s.replace("_", ""), radix);
            return negative ? value.negate() : value;
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /** {@code float(text)}; null if it is none. */
    static Double parseReal(String text) {
        String s = Texts.strip(text, null, true, true).toLowerCase(Locale.ROOT);
        if (s.matches("[-+]?(inf|infinity|nan)")) {
            double value = s.endsWith("nan") ? Double.NaN : Double.POSITIVE_INFINITY;
            return s.startsWith("-") ? -value : value;
        }
        String digits = "\\d+(_\\d+)*+";
        return s.length() < 10_000
                        && s.matches(
                                "[-+]?(" + digits + "\\.?|(" + digits + ")?\\." + digits + ")(e[-+]?" + digits + ")?")
                ? Double.valueOf(s.replace("_", ""))
                : null;
    }

    /** The integer part of a float. */
    static BigInteger truncate(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new TemplateException("cannot make an integer of " + Repr.decimal(value));
        }
        return new BigDecimal(value).toBigInteger();
    }
}
