# The types of tensors, as PyTorch has them in Python. TorchScript knows them by numbers, which the loader puts in their
# places.
import torch

Dtype = torch.dtype

UINT8 = torch.uint8
INT8 = torch.int8
INT32 = torch.int32
INT64 = torch.int64
FLOAT16 = torch.float16
FLOAT32 = torch.float32
FLOAT64 = torch.float64
BFLOAT16 = torch.bfloat16
FLOAT8 = torch.float8_e4m3fn
BOOL = torch.bool
