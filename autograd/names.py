"""The functions made from the table, by name: one a row, declared for type checkers.

`autograd.functions` makes them, and puts them here. Written by `python -m tests.declared`.
"""

from autograd import signatures as _of

abs: _of.Unary
exp: _of.Unary
exp2: _of.Unary
expm1: _of.Unary
log2: _of.Unary
log10: _of.Unary
log1p: _of.Unary
sqrt: _of.Unary
cbrt: _of.Unary
square: _of.Unary
reciprocal: _of.Unary
hypot: _of.Binary
sin: _of.Unary
cos: _of.Unary
tan: _of.Unary
arcsin: _of.Unary
arccos: _of.Unary
arctan: _of.Unary
arctan2: _of.Binary
sinh: _of.Unary
cosh: _of.Unary
tanh: _of.Unary
arcsinh: _of.Unary
arccosh: _of.Unary
arctanh: _of.Unary
sigmoid: _of.Unary
softplus: _of.Unary
logsigmoid: _of.Unary
relu: _of.Unary
leaky_relu: _of.Parametric
elu: _of.Parametric
gelu: _of.Unary
silu: _of.Unary
erf: _of.Unary
erfc: _of.Unary
lgamma: _of.Unary
digamma: _of.Unary
polygamma: _of.Binary
sign: _of.Unary
floor: _of.Unary
ceil: _of.Unary
trunc: _of.Unary
maximum: _of.Binary
minimum: _of.Binary
clip: _of.Parametric
where: _of.Choice
sum: _of.OfSequence
mean: _of.OfSequence
prod: _of.OfSequence
norm: _of.OfSequence
logsumexp: _of.OfSequence
max: _of.OfSequence
min: _of.OfSequence
softsign: _of.Unary
