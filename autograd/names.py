"""The functions made from the table, by name: one for each row, declared for type checkers.

`autograd.functions` makes them, and puts them here. Written by `python -m tests.declared`.
"""

from autograd import signatures as of

__all__ = [
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "beta",
    "beta_density", "betainc", "betaln", "cbrt", "ceil", "clip", "copysign", "cos", "cosh", "cospi",
    "degrees", "digamma", "elu", "entr", "erf", "erfc", "erfcinv", "erfinv", "exp", "exp2", "expm1",
    "floor", "fmod", "gamma", "gamma_density", "gammainc", "gammaincc", "gelu", "hard_tanh",
    "hypot", "i0", "i0e", "i1", "i1e", "iv", "j0", "j1", "jv", "k0", "k1", "leaky_relu", "lgamma",
    "log1p", "log2", "log10", "log_ndtr", "logaddexp", "logaddexp2", "logit", "logsigmoid",
    "logsumexp", "max", "maximum", "mean", "min", "minimum", "mish", "ndtr", "ndtr_excess", "ndtri",
    "norm", "polygamma", "polygamma_difference", "prod", "radians", "reciprocal", "relu",
    "remainder", "rsqrt", "scaled_bessel", "selu", "sigmoid", "sign", "silu", "sin", "sinc", "sinh",
    "sinpi", "softplus", "softsign", "sqrt", "square", "std", "sum", "tan", "tanh", "trunc", "var",
    "where", "xlog1py", "xlogy", "y0", "y1", "zeta",
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
logaddexp: of.Binary
logaddexp2: of.Binary
logit: of.Unary
xlogy: of.Binary
xlog1py: of.Binary
entr: of.Unary
rsqrt: of.Unary
sinpi: of.Unary
cospi: of.Unary
sinc: of.Unary
degrees: of.Unary
radians: of.Unary
copysign: of.Binary
fmod: of.Binary
remainder: of.Binary
softsign: of.Unary
selu: of.Unary
mish: of.Unary
hard_tanh: of.Unary
var: of.OfSequence
std: of.OfSequence
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
