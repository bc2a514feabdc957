# Between a device and the memory that hosts send from.
from torch import Tensor


# Copies a tensor to one of the same shape [...], maybe of another device, and leaves zeros behind.
def fetch(host: Tensor, other: Tensor) -> Tensor:
    host.copy_(other)
    other.zero_()
    return host
