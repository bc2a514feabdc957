# AdamW (Loshchilov and Hutter, 2019) over one flat float32 parameter, by PyTorch's fused kernel.

# The Euclidean norm of the gradient, summed in float32.
def norm(self: __torch__.Optimizer, gradient: Tensor) -> Tensor:
  return torch.norm(gradient)

# m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p = p - rate (m' / (sqrt(v') + eps) + decay p), with m' and v' free of the
# start's bias. The gradient is scaled first and is zero afterwards. Each list has one element, and comes from outside: PyTorch takes a
# call that changes only the elements of a list made here for dead code, and leaves it out.
def step(self: __torch__.Optimizer, parameter: List[Tensor], gradient: List[Tensor], mean: List[Tensor], square: List[Tensor], steps: List[Tensor], scale: float, rate: float, beta1: float, beta2: float, decay: float, epsilon: float) -> Tensor:
  if torch.ne(scale, 1.):
    _0 = torch.mul_(gradient[0], scale)
  _1 = torch.add_(steps[0], 1)
  _2 = torch._fused_adamw_(parameter, gradient, mean, square, annotate(List[Tensor], []), steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False, grad_scale=None, found_inf=None)
  return torch.zero_(gradient[0])
