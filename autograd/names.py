"""The functions made from the table, by name: one a row, declared for type checkers.

`autograd.functions` makes them, and puts them here. Written by `python -m tests.declared`.
"""

from autograd import signatures as of

__all__ = [
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "beta",
    "beta_density", "betainc", "betaln", "cbrt", "ceil", "clip", "cos", "cosh", "digamma", "elu",
    "erf", "erfc", "erfcinv", "erfinv", "exp", "exp2", "expm1", "floor", "gamma", "gamma_density",
    "gammainc", "gammaincc", "gelu", "hypot", "i0", "i0e", "i1", "i1e", "iv", "j0", "j1", "jv",
    "k0", "k1", "leaky_relu", "lgamma", "log1p", "log2", "log10", "log_ndtr", "logsigmoid",
    "logsumexp", "max", "maximum", "mean", "min", "minimum", "ndtr", "ndtr_excess", "ndtri", "norm",
    "polygamma", "polygamma_difference", "prod", "reciprocal", "relu", "scaled_bessel", "sigmoid",
    "sign", "silu", "sin", "sinh", "softplus", "softsign", "sqrt", "square", "sum", "tan", "tanh",
    "trunc", "where", "y0", "y1", "zeta",
]  # fmt: skip

abs: of.Unary
exp: of.Unary
exp2: of.Unary
expm1: of.Unary
log2: of.Unary
log10: of.Unary
log1p: of.Unary
sqrt: of.Unary
cbrt: of.Unary
square: of.Unary
reciprocal: of.Unary
hypot: of.Binary
sin: of.Unary
cos: of.Unary
tan: of.Unary
arcsin: of.Unary
arccos: of.Unary
arctan: of.Unary
arctan2: of.Binary
sinh: of.Unary
cosh: of.Unary
tanh: of.Unary
arcsinh: of.Unary
arccosh: of.Unary
arctanh: of.Unary
sigmoid: of.Unary
softplus: of.Unary
logsigmoid: of.Unary
relu: of.Unary
leaky_relu: of.Parametric
elu: of.Parametric
gelu: of.Unary
silu: of.Unary
erf: of.Unary
erfc: of.Unary
lgamma: of.Unary
digamma: of.Unary
polygamma: of.Binary
sign: of.Unary
floor: of.Unary
ceil: of.Unary
trunc: of.Unary
maximum: of.Binary
minimum: of.Binary
clip: of.Parametric
where: of.Choice
sum: of.OfSequence
mean: of.OfSequence
prod: of.OfSequence
norm: of.OfSequence
logsumexp: of.OfSequence
max: of.OfSequence
min: of.OfSequence
softsign: of.Unary
ndtr: of.Unary
log_ndtr: of.Unary
ndtr_excess: of.Binary
ndtri: of.Unary
erfinv: of.Unary
erfcinv: of.Unary
gamma: of.Unary
beta: of.Binary
betaln: of.Binary
polygamma_difference: of.Parametric
gamma_density: of.Binary
beta_density: of.Parametric
gammainc: of.Binary
gammaincc: of.Binary
betainc: of.Parametric
zeta: of.Parametric
j0: of.Unary
j1: of.Unary
jv: of.Binary
y0: of.Unary
y1: of.Unary
i0: of.Unary
i1: of.Unary
iv: of.Binary
i0e: of.Unary
i1e: of.Unary
scaled_bessel: of.Parametric
k0: of.Unary
k1: of.Unary
