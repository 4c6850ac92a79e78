"""The elementary functions for vectors of any width, in LLVM's intermediate representation.

A function comes from the first of these sources that has it:

1. A kernel of this module: the argument is reduced to a short interval, where a polynomial takes
   over. Accurate to 2 units in the last place on every processor, with the signs of zeros,
   infinities and nans of IEEE 754, and with gradual underflow.
2. glibc's vector library, libmvec, if the machine has it: for the functions in which it is as
   accurate as the kernels.
3. The C library, element by element: the values are those of Python's `math`.

The kernels do not rely on fused multiplication and addition, which only makes them faster and a
little more accurate. Their polynomials are minimax approximations (Remez' exchange), whose error is
less than a tenth of a unit in the last place of the result. Muller, *Elementary Functions* (3rd
edition, 2016), describes the techniques: Cody and Waite's reduction, in which a constant is split
so that its multiples are exact, and sums of two numbers with their rounding error.
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
from collections.abc import Callable, Iterable
from functools import cache

from autograd.compiler.backends.llvm.writer import Writer, declaration, literal, merged, type_of
from autograd.compiler.primitives import PRIMITIVES

__all__ = [
    "FUNCTIONS",
    "definitions",
    "load_libraries",
    "symbol",
    "vector_library",
]

# --- writing instructions ------------------------------------------------------------------------

REAL, INTEGER, BIT = "double", "i64", "i1"


class _Kernel(Writer):
    """Writes the instructions of one function, whose values are `_Vector`s."""

    def emit(self, kind: str, instruction: str) -> _Vector:
        return _Vector(self, kind, self.let(instruction))

    def number(self, kind: str, number: float) -> _Vector:
        element = literal(number) if kind == REAL else str(int(number))
        return _Vector(self, kind, self.filled(element, kind))

    def of(self, intrinsic: str, *operands: _Vector) -> _Vector:
        return _Vector(self, REAL, self.intrinsic(intrinsic, *[x.name for x in operands]))


def _bits(number: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits & 0xFFFF_FFFF_FFFF_FFFF


class _Vector:
    """The result of an instruction, or a constant; arithmetic on it writes instructions."""

    def __init__(self, writer: _Kernel, kind: str, name: str) -> None:
        self.writer = writer
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        return f"{type_of(self.writer.lanes, self.kind)} {self.name}"

    def same(self, number: _Vector | float) -> _Vector:
        """Make a number a constant of this type."""
        if isinstance(number, _Vector):
            return number
        return self.writer.number(self.kind, number)

    def binary(self, operation: str, other: _Vector | float, kind: str = "") -> _Vector:
        name = self.same(other).name
        return self.writer.emit(kind or self.kind, f"{operation} {self}, {name}")

    def arithmetic(self, operation: str, other: _Vector | float) -> _Vector:
        return self.binary(("f" if self.kind == REAL else "") + operation, other)

    def __add__(self, other: _Vector | float) -> _Vector:
        return self.arithmetic("add", other)

    def __sub__(self, other: _Vector | float) -> _Vector:
        return self.arithmetic("sub", other)

    def __rsub__(self, other: float) -> _Vector:
        return self.same(other) - self

    def __mul__(self, other: _Vector | float) -> _Vector:
        return self.arithmetic("mul", other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: _Vector | float) -> _Vector:
        return self.arithmetic("div", other)

    def __rtruediv__(self, other: float) -> _Vector:
        return self.same(other) / self

    def __mod__(self, other: _Vector) -> _Vector:
        return self.arithmetic("rem", other)  # C's fmod

    def __neg__(self) -> _Vector:
        return self.writer.emit(REAL, f"fneg {self}")

    def __abs__(self) -> _Vector:
        return self.writer.of("fabs", self)

    def __and__(self, other: _Vector | int) -> _Vector:
        return self.binary("and", other)

    def __or__(self, other: _Vector | int) -> _Vector:
        return self.binary("or", other)

    def __xor__(self, other: _Vector | int) -> _Vector:
        return self.binary("xor", other)

    def __lshift__(self, places: int) -> _Vector:
        return self.binary("shl", places)

    def __rshift__(self, places: int) -> _Vector:
        return self.binary("lshr", places)

    # Comparisons: false where an operand is nan, except `differs`.

    def __lt__(self, other: _Vector | float) -> _Vector:
        return self.binary("fcmp olt", other, BIT)

    def __gt__(self, other: _Vector | float) -> _Vector:
        return self.binary("fcmp ogt", other, BIT)

    def equals(self, other: float) -> _Vector:
        return self.binary("fcmp oeq" if self.kind == REAL else "icmp eq", other, BIT)

    def differs(self, other: _Vector | float) -> _Vector:
        return self.binary("fcmp une" if self.kind == REAL else "xor", other, BIT)

    @property
    def bits(self) -> _Vector:
        """The bits of floating-point numbers, as integers."""
        kind = type_of(self.writer.lanes, INTEGER)
        return self.writer.emit(INTEGER, f"bitcast {self} to {kind}")

    @property
    def number(self) -> _Vector:
        """The floating-point numbers that have these bits."""
        kind = type_of(self.writer.lanes)
        return self.writer.emit(REAL, f"bitcast {self} to {kind}")


def _where(condition: _Vector, x: _Vector | float, y: _Vector | float) -> _Vector:
    """x where the condition holds, y elsewhere."""
    writer = condition.writer
    x, y = (v if isinstance(v, _Vector) else writer.number(REAL, v) for v in (x, y))
    return writer.emit(x.kind, f"select {condition}, {x}, {y}")


def _fma(x: _Vector, y: _Vector | float, z: _Vector | float) -> _Vector:
    """x y + z, fused if the processor can."""
    return x.writer.of("fmuladd", x, x.same(y), x.same(z))


def _with_sign(x: _Vector, sign: _Vector) -> _Vector:
    return x.writer.of("copysign", x, sign)


def _at_most(x: _Vector, bound: float) -> _Vector:
    return _where(x > bound, bound, x)  # a nan stays


def _at_least(x: _Vector, bound: float) -> _Vector:
    return _where(x < bound, bound, x)


def _polynomial(x: _Vector, *coefficients: float) -> _Vector:
    """The polynomial in x with these coefficients, the constant first.

    Even and odd powers are summed separately by Horner's scheme, which halves the chain.
    """
    square = x * x
    even, odd = (_horner(square, part) for part in (coefficients[0::2], coefficients[1::2]))
    return _fma(odd, x, even)


def _horner(x: _Vector, coefficients: tuple[float, ...]) -> _Vector:
    y = x.same(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y = _fma(y, x, coefficient)
    return y


# --- exponentials --------------------------------------------------------------------------------

# A number of about this size has no fraction: adding it rounds to an integer, which is then in the
# lowest bits.
_ROUND = 1.5 * 2.0**52

_LOG2_E = 1.4426950408889634
_LN2 = 0.6931471805599453
_LN2_HEAD, _LN2_TAIL = 0.6931471805598903, 5.497923018708371e-14

# (exp(r) - 1 - r) / r²  for  |r| <= log(2) / 2
_EXP = (
    0.5000000000000006, 0.16666666666666685, 0.0416666666665737, 0.008333333333314562,
    0.0013888888932354446, 0.00019841269903076678, 2.4801504476699806e-05, 2.755722792528455e-06,
    2.762631371839764e-07, 2.5114478940905684e-08,
)  # fmt: skip

# (h coth(h) - 1) / h²  in powers of h²  for  |h| <= 0.55
_COTH = (
    0.3333333333333332, -0.022222222222209907, 0.002116402115949386, -0.00021164020358492287,
    2.137771975408297e-05, -2.163947027277191e-06, 2.1772397301557747e-07, -1.940527991074258e-08,
)  # fmt: skip

# (sinh(x) - x) / x³  in powers of x²  for  |x| <= 1
_SINH = (
    0.16666666666666669, 0.008333333333333139, 0.00019841269841437692, 2.7557319155333173e-06,
    2.505212339917272e-08, 1.605724029266926e-10, 7.75931366926888e-13,
)  # fmt: skip


def _scaled_exp(shifted: _Vector, r: _Vector) -> _Vector:
    """exp(r) 2**n, where `shifted` is n + 2046 + _ROUND.

    It uses two powers of 2: a single one could reach neither subnormal numbers nor the largest.
    """
    n = shifted.bits
    half = n >> 1
    scale1, scale2 = (half << 52).number, ((n - half) << 52).number
    return (1.0 + _fma(r * r, _polynomial(r, *_EXP), r)) * scale1 * scale2


def _exp(x: _Vector, power: int = 0) -> _Vector:
    """exp(x) 2**power, which may be in range where exp(x) is not."""
    x = _at_most(_at_least(x, -746.0), 712.0)
    shifted = _fma(x, _LOG2_E, _ROUND + 2046.0 + power)
    n = shifted - (_ROUND + 2046.0 + power)
    return _scaled_exp(shifted, _fma(n, -_LN2_TAIL, _fma(n, -_LN2_HEAD, x)))


def _exp2(x: _Vector) -> _Vector:
    x = _at_most(_at_least(x, -1076.0), 1025.0)
    shifted = x + (_ROUND + 2046.0)
    return _scaled_exp(shifted, (x - (shifted - (_ROUND + 2046.0))) * _LN2)


def _expm1(x: _Vector) -> _Vector:
    y = _at_most(_at_least(x, -40.0), 710.0)
    shifted = _fma(y, _LOG2_E, _ROUND + 1022.0)
    n = shifted - (_ROUND + 1022.0)
    scale = (shifted.bits << 52).number  # 2**(n - 1): 2**n would overflow too early
    head, tail = _fma(n, -_LN2_HEAD, y), n * _LN2_TAIL
    r = head - tail
    rest = _fma(r * r, _polynomial(r, *_EXP), (head - r) - tail)
    result = 2.0 * _fma(scale, rest, _fma(scale, r, scale - 0.5))
    return _where(abs(x) < 2.0**-54, x, result)


def _tanh(x: _Vector) -> _Vector:
    # With c = h coth(h):  tanh(h) = h / c = h - h (c - 1) / c,  and for |x| = h - n log(2) / 2
    # tanh(|x|) = 1 - 2 s (c - h) / ((c + h) + s (c - h)),  s = 2**n.  One division serves both.
    y = _at_most(abs(x), 22.0)
    small = y < 0.55
    shifted = _fma(y, -2.0 * _LOG2_E, _ROUND + 1024.0)
    n = _where(small, 0.0, shifted - (_ROUND + 1024.0))
    h = _fma(n, 0.5 * _LN2_TAIL, _fma(n, 0.5 * _LN2_HEAD, y))
    square = h * h
    excess = square * _polynomial(square, *_COTH)
    c = 1.0 + excess
    difference = (shifted.bits << 52).number * (c - h)
    numerator = _where(small, h * excess, difference)
    denominator = _where(small, c, _fma(difference, 0.5, c + h))
    return _with_sign(_where(small, h, 1.0) - numerator / denominator, x)


def _cosh(x: _Vector) -> _Vector:
    half = _exp(abs(x), -1)
    return half + 0.25 / half


def _sinh(x: _Vector) -> _Vector:
    half = _exp(abs(x), -1)
    square = x * x
    small = _fma(square * x, _polynomial(square, *_SINH), x)
    return _where(abs(x) < 1.0, small, _with_sign(half - 0.25 / half, x))


# --- logarithms ----------------------------------------------------------------------------------

_ONE = _bits(1.0)
_SQRT_HALF = _bits(math.sqrt(0.5))
_FRACTION = 2**52 - 1  # the bits of the mantissa

# (2 artanh(s) - 2 s) / s³  in powers of s²  for  |s| <= 3 - 2 sqrt(2)
_ARTANH = (
    0.6666666666666734, 0.39999999999414687, 0.2857142874238716, 0.22222198573088872,
    0.18183564337865768, 0.153140500896397, 0.14795955835012187,
)  # fmt: skip

# The heads are short, so that their products with a head or an exponent are exact.
_INVERSE_LN2 = 1.4426946640014648, 3.768874985636099e-07
_INVERSE_LN10 = 0.4342944622039795, 1.9699272335463627e-08
_LOG10_2 = 0.30102999566395283, 2.8363394551044964e-14


def _exponent_and_fraction(x: _Vector) -> tuple[_Vector, _Vector]:
    """The integer k + 1023, and m from sqrt(1/2) to sqrt(2), for a normal x = m 2**k."""
    bits = x.bits + (_ONE - _SQRT_HALF)
    return bits >> 52, ((bits & _FRACTION) + _SQRT_HALF).number


def _split(x: _Vector) -> tuple[_Vector, _Vector]:
    """k and m as above, k as a floating-point number; subnormal numbers included."""
    subnormal = x < 2.0**-1022
    exponent, m = _exponent_and_fraction(_where(subnormal, x * 2.0**54, x))
    bias = _where(subnormal, 2.0**52 + 1077.0, 2.0**52 + 1023.0)
    return (exponent | _bits(2.0**52)).number - bias, m


def _log_parts(f: _Vector) -> tuple[_Vector, _Vector]:
    """h = f²/2 and d in log(1 + f) = f - h + d: the series of artanh(f / (2 + f)), rearranged."""
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    return h, s * _fma(z, _polynomial(z, *_ARTANH), h)


def _log_limits(x: _Vector, result: _Vector, pole: float = 0.0) -> _Vector:
    """The result, except where x is not between the pole and infinity."""
    result = _where(x < math.inf, result, x)
    result = _where(x.equals(pole), -math.inf, result)
    return _where(x < pole, math.nan, result)


def _log(x: _Vector) -> _Vector:
    k, m = _split(x)
    f = m - 1.0
    h, d = _log_parts(f)
    return _log_limits(x, k * _LN2_HEAD - ((h - _fma(k, _LN2_TAIL, d)) - f))


def _log1p(x: _Vector) -> _Vector:
    # 1 + x = u + error = (m + correction) 2**k
    larger, smaller = _where(x > 1.0, x, 1.0), _where(x > 1.0, 1.0, x)
    u = larger + smaller
    error = smaller - (u - larger)
    exponent, m = _exponent_and_fraction(u)
    k = (exponent | _bits(2.0**52)).number - (2.0**52 + 1023.0)
    scale = ((2046 - exponent) << 52).number  # 2**-k, but -inf for the largest numbers
    correction = _where(x < 2.0**60, error * scale, 0.0)
    f = m - 1.0
    h, d = _log_parts(f)
    rest = _fma(correction, _fma(f, f - 1.0, 1.0), _fma(k, _LN2_TAIL, d))  # correction / (1 + f)
    result = _log_limits(x, k * _LN2_HEAD - ((h - rest) - f), -1.0)
    return _where(x.equals(0.0), x, result)


def _log_to_base(
    x: _Vector, inverse: tuple[float, float], exponent: tuple[float, float]
) -> _Vector:
    """The logarithm of x times `inverse`; `exponent` is what a factor 2 adds to it."""
    k, m = _split(x)
    f = m - 1.0
    h, d = _log_parts(f)
    head = ((f - h).bits & ~(2**32 - 1)).number
    tail = ((f - head) - h) + d
    part = head * inverse[0]
    whole = k * exponent[0]
    total = whole + part
    rest = _fma(tail + head, inverse[1], tail * inverse[0]) + k * exponent[1]
    return _log_limits(x, total + (((whole - total) + part) + rest))


def _log2(x: _Vector) -> _Vector:
    return _log_to_base(x, _INVERSE_LN2, (1.0, 0.0))


def _log10(x: _Vector) -> _Vector:
    return _log_to_base(x, _INVERSE_LN10, _LOG10_2)


# --- the cube root -------------------------------------------------------------------------------

_THIRD = 0x5555_5556  # a third of 2**32
_EXPONENTS = int((1023.0 - 1023.0 / 3.0 - 0.03306235651) * 2**20)  # for numbers near 1

# r**(-1/3)  for  0.9 <= r <= 1.1, to 24 bits
_CBRT = (
    1.8725850355993863, -1.871659167344076, 1.6016933209938158, -0.7454190554658306,
    0.142799855460789,
)  # fmt: skip


def _cbrt(x: _Vector) -> _Vector:
    # A third of the exponent, to 4 bits; a polynomial, to 23; and a step of Halley's method.
    y = abs(x)
    subnormal = y < 2.0**-1022
    y = _where(subnormal, y * 2.0**54, y)
    t = (((((y.bits >> 32) * _THIRD) >> 32) + _EXPONENTS) << 32).number
    t = t * _polynomial((t * t) * (t / y), *_CBRT)
    t = ((t.bits + 2**29) & ~(2**30 - 1)).number  # short, so that its square is exact
    quotient = y / (t * t)
    t = t + t * ((quotient - t) / (t + t + quotient))
    result = _with_sign(_where(subnormal, t * 2.0**-18, t), x)
    return _where((y > 0.0) & (y < math.inf), result, x)


# --- trigonometry --------------------------------------------------------------------------------

# To this size the two heads of pi / 2 have exact multiples; beyond, the C library takes over.
_LARGEST_ANGLE = 200_000.0
_TWO_OVER_PI = 2.0 / math.pi
_HALF_PI = 1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23

# (sin(r) - r) / r³  and  (cos(r) - 1 + r²/2) / r⁴  in powers of r²  for  |r| <= pi / 4
_SIN = (
    -0.16666666666666632, 0.008333333333322424, -0.0001984126982981536, 2.7557313694590846e-06,
    -2.50507585455394e-08, 1.5896821343773712e-10,
)  # fmt: skip
_COS = (
    0.0416666666666666, -0.0013888888888874138, 2.480158728949054e-05, -2.7557314354841566e-07,
    2.0875723626335373e-09, -1.1359666680932653e-11,
)  # fmt: skip


def _quadrant(x: _Vector) -> tuple[_Vector, tuple[_Vector, _Vector], tuple[_Vector, _Vector]]:
    """The integer n nearest x / (pi / 2), and the sine and cosine of the reduced argument.

    Each comes with the rounding error of its last addition, to be added.
    """
    shifted = _fma(x, _TWO_OVER_PI, _ROUND)
    n = shifted - _ROUND
    head = x - n * _HALF_PI[0]
    middle = n * _HALF_PI[1]
    sum_ = head - middle
    tail = n * _HALF_PI[2]
    r = sum_ - tail
    low = ((sum_ - r) - tail) + ((head - sum_) - middle)  # the rounding error of r

    z = r * r
    cube = z * r
    correction = _fma(z, 0.5 * low - cube * _polynomial(z, *_SIN[1:]), -low)
    correction = _fma(cube, -_SIN[0], correction)
    sine = r - correction
    half = 0.5 * z
    w = 1.0 - half
    rest = ((1.0 - w) - half) + _fma(z * z, _polynomial(z, *_COS), -(r * low))
    cosine = w + rest
    return shifted.bits, (sine, (r - sine) - correction), (cosine, (w - cosine) + rest)


def _turned(n: _Vector, even: _Vector, odd: _Vector) -> _Vector:
    """`even` or `odd` by the parity of n, negated in the third and fourth quadrant."""
    y = _where((n & 1).equals(0), even, odd)
    return (y.bits ^ ((n & 2) << 62)).number


def _sin(x: _Vector) -> _Vector:
    n, (sine, _), (cosine, _) = _quadrant(x)
    return _turned(n, sine, cosine)


def _cos(x: _Vector) -> _Vector:
    n, (sine, _), (cosine, _) = _quadrant(x)
    return _turned(n + 1, sine, cosine)


def _tan(x: _Vector) -> _Vector:
    n, (sine, sine_error), (cosine, cosine_error) = _quadrant(x)
    even = (n & 1).equals(0)
    above, below = _where(even, sine, -cosine), _where(even, cosine, sine)
    error = _where(even, sine_error, -cosine_error)
    error_below = _where(even, cosine_error, sine_error)
    quotient = above / below
    result = quotient + (error - quotient * error_below) / below
    return _where(x.equals(0.0), x, result)


_TAN_PI_8 = math.sqrt(2.0) - 1.0

_PI_TAIL = 3.8981718325193755e-17  # (pi - math.pi) / math.pi

# (arctan(x) - x) / x³  in powers of x²  for  |x| <= tan(pi / 8)
_ARCTAN = (
    -0.333333333333332, 0.1999999999995408, -0.14285714280248327, 0.11111110786131535,
    -0.09090897836309787, 0.07692061634998286, -0.06663120361370962, 0.05848008753474542,
    -0.05039844759012684, 0.03807830107080536, -0.017922256545082026,
)  # fmt: skip


def _arctan(x: _Vector) -> _Vector:
    # pi / 4 + arctan((y - 1) / (y + 1))  or  pi / 2 - arctan(1 / y)  where y = |x| is not small.
    y = abs(x)
    small, large = y < _TAN_PI_8, y > 1.0 / _TAN_PI_8
    numerator = _where(small, y, _where(large, -1.0, y - 1.0))
    denominator = _where(small, 1.0, _where(large, y, y + 1.0))
    angle = _where(small, 0.0, _where(large, 0.5 * math.pi, 0.25 * math.pi))
    tail = angle * _PI_TAIL
    t = numerator / denominator
    square = t * t
    rest = _fma(square * t, _polynomial(square, *_ARCTAN), tail)
    return _with_sign(angle + (t + rest), x)


# --- division with remainder ---------------------------------------------------------------------


def _remainder(x: _Vector, y: _Vector) -> tuple[_Vector, _Vector]:
    """C's remainder, and whether its sign differs from y's: then Python's is larger by y."""
    remainder = x % y
    differs = (remainder < 0.0).differs(y < 0.0)
    return remainder, differs & remainder.differs(0.0)


def _mod(x: _Vector, y: _Vector) -> _Vector:
    remainder, differs = _remainder(x, y)
    return _with_sign_of_zero(_where(differs, remainder + y, remainder), y)


def _floordiv(x: _Vector, y: _Vector) -> _Vector:
    remainder, differs = _remainder(x, y)
    quotient = (x - remainder) / y  # an integer, up to rounding
    quotient = _where(differs, quotient - 1.0, quotient)
    floor = x.writer.of("floor", quotient)
    floor = _where(quotient - floor > 0.5, floor + 1.0, floor)
    return _where(y.equals(0.0), x / y, _with_sign_of_zero(floor, x / y))


def _with_sign_of_zero(x: _Vector, sign: _Vector) -> _Vector:
    return _where(x.equals(0.0), _with_sign(x, sign), x)


# --- the functions -------------------------------------------------------------------------------

_KERNELS: dict[str, Callable[..., _Vector]] = {
    "exp": _exp,
    "exp2": _exp2,
    "expm1": _expm1,
    "tanh": _tanh,
    "log": _log,
    "log1p": _log1p,
    "log2": _log2,
    "log10": _log10,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "arctan": _arctan,
    "sinh": _sinh,
    "cosh": _cosh,
    "cbrt": _cbrt,
    "//": _floordiv,
    "%": _mod,
}

FUNCTIONS = frozenset(_KERNELS) | frozenset(
    primitive.name for primitive in PRIMITIVES.values() if primitive.library and not primitive.llvm
)
"""The operations that `definitions` defines."""

_FAR = frozenset({"sin", "cos", "tan"})
"""The functions whose kernels leave large numbers to the C library."""
_CALLED = sorted(PRIMITIVES[op].library for op in FUNCTIONS - frozenset(_KERNELS) | _FAR)
"""The functions of the C library that code may call."""


def symbol(op: str, lanes: int) -> str:
    """Return the name of the function that `definitions` defines for an operation.

    Args:
        op: A name of `FUNCTIONS`.
        lanes: The number of elements in the vectors.

    Returns:
        The name, with the sign `@`; names of different widths differ.

    Example:
        >>> symbol("exp", 8), symbol("**", 1)
        ('@elementary.exp.8', '@elementary.pow.1')
    """
    names = {"//": "floordiv", "%": "mod"}
    return f"@elementary.{names.get(op) or PRIMITIVES[op].library}.{lanes}"


def definitions(
    lanes: int, names: Iterable[str], *, inline: bool = True, vector_library: bool = True
) -> str:
    """Define elementary functions of vectors.

    Args:
        lanes: The number of elements in the vectors, a power of 2; 1 for plain numbers.
        names: The operations, from `FUNCTIONS`.
        inline: Whether kernels are inlined: up to a third faster for a function with some dozens of
            calls; with hundreds, LLVM compiles more slowly, to slower code.
        vector_library: Whether libmvec may be called; only if the code runs on this machine.

    Returns:
        The definitions, named by `symbol`, with the declarations that they need. `merged` joins
        them with other texts.

    Raises:
        KeyError: A name is not in `FUNCTIONS`.

    Example:
        >>> print(definitions(1, ["arcsin"]))
        declare double @asin(double)
        define internal double @elementary.asin.1(double %x) noinline {
          %t1 = call double @asin(double %x)
          ret double %t1
        }
        <BLANKLINE>
    """
    texts = []
    for op in names:
        if op not in FUNCTIONS:
            raise KeyError(op)
        if op in _KERNELS:
            texts.append(_kernel_text(op, lanes, inline))
        else:
            width, callee = _library_function(op, lanes if vector_library else 1)
            texts.append(_library_text(symbol(op, lanes), op, lanes, width, callee))
    return merged(*texts)


def _kernel_text(op: str, lanes: int, inline: bool) -> str:
    writer = _Kernel(lanes)
    parameters = [_Vector(writer, REAL, f"%{x}") for x in "xy"[: PRIMITIVES[op].arity]]
    text = ""
    if op in _FAR:
        far = f"@elementary.far.{op}.{lanes}"
        text = _library_text(far, op, lanes, 1, PRIMITIVES[op].library)
        _leave_far(writer, parameters[0], far)
    writer.lines.append(f"  ret {_KERNELS[op](*parameters)}")
    attribute = "alwaysinline" if inline else "noinline"
    return text + _function(writer, symbol(op, lanes), len(parameters), attribute)


def _leave_far(writer: _Kernel, x: _Vector, name: str) -> None:
    """Leave the numbers to another function if one of them is large, infinite or nan."""
    far = abs(x).binary("fcmp ugt", _LARGEST_ANGLE, BIT)
    test = far.name
    if writer.lanes > 1:
        mask = f"i{writer.lanes}"
        test = writer.emit(BIT, f"bitcast {far} to {mask}").name
        test = writer.emit(BIT, f"icmp ne {mask} {test}, 0").name
    writer.lines += [f"  br i1 {test}, label %far, label %near", "far:"]
    result = writer.emit(REAL, f"call {type_of(writer.lanes)} {name}({x})")
    writer.lines += [f"  ret {result}", "near:"]


def _library_text(name: str, op: str, lanes: int, width: int, callee: str) -> str:
    """A function that calls a library function on each part, of some width, of its operands."""
    writer = _Kernel(lanes)
    whole, part = type_of(lanes), type_of(width)
    operands = "xy"[: PRIMITIVES[op].arity]
    writer.declarations[declaration(part, callee, len(operands))] = None
    result = "poison"
    for first in range(0, lanes, width):
        parts = [_part(writer, f"%{operand}", first, width) for operand in operands]
        value = writer.emit(REAL, f"call {part} @{callee}({', '.join(parts)})").name
        result = _joined(writer, result, f"{part} {value}", first, width)
    writer.lines.append(f"  ret {whole} {result}")
    return _function(writer, name, len(operands), "noinline")


def _part(writer: _Kernel, vector: str, first: int, width: int) -> str:
    """A part of a vector, with its type."""
    whole, part = type_of(writer.lanes), type_of(width)
    if width == writer.lanes:
        return f"{whole} {vector}"
    if width == 1:
        return f"double {writer.emit(REAL, f'extractelement {whole} {vector}, i32 {first}').name}"
    name = f"@llvm.vector.extract.v{width}f64.v{writer.lanes}f64"
    writer.declarations[f"declare {part} {name}({whole}, i64)"] = None
    return f"{part} {writer.emit(REAL, f'call {part} {name}({whole} {vector}, i64 {first})').name}"


def _joined(writer: _Kernel, vector: str, part: str, first: int, width: int) -> str:
    """The vector with a part put in its place."""
    whole = type_of(writer.lanes)
    if width == writer.lanes:
        return part.split()[-1]
    if width == 1:
        return writer.emit(REAL, f"insertelement {whole} {vector}, {part}, i32 {first}").name
    name = f"@llvm.vector.insert.v{writer.lanes}f64.v{width}f64"
    writer.declarations[f"declare {whole} {name}({whole}, {type_of(width)}, i64)"] = None
    return writer.emit(REAL, f"call {whole} {name}({whole} {vector}, {part}, i64 {first})").name


def _function(writer: _Kernel, name: str, operands: int, attribute: str) -> str:
    """The text of a function from its instructions."""
    kind = type_of(writer.lanes)
    parameters = ", ".join(f"{kind} %{x}" for x in "xy"[:operands])
    head = f"define internal {kind} {name}({parameters}) {attribute} {{"
    return "\n".join([*writer.declarations, head, *writer.lines, "}", ""])


# --- the libraries -------------------------------------------------------------------------------

# The versions of a function in libmvec: elements, letter in the name, required processor feature.
_VERSIONS = ((8, "e", "avx512f"), (4, "d", "avx2"), (2, "b", "sse2"))


def _library_function(op: str, lanes: int) -> tuple[int, str]:
    """The library's function for the widest vectors of at most this many elements."""
    name = PRIMITIVES[op].library
    library = vector_library() if lanes > 1 and PRIMITIVES[op].in_libmvec else None
    if library:
        from llvmlite import binding

        features = binding.get_host_cpu_features()
        operands = "v" * (PRIMITIVES[op].arity or 0)
        for width, letter, feature in _VERSIONS:
            version = f"_ZGV{letter}N{width}{operands}_{name}"
            if width <= lanes and features.get(feature) and hasattr(library, version):
                return width, version
    return 1, name


@cache
def vector_library() -> ctypes.CDLL | None:
    """Open libmvec; None if there is none."""
    try:
        return ctypes.CDLL("libmvec.so.1")
    except OSError:
        return None


def load_libraries() -> None:
    """Let machine code find the functions of the C library and of libmvec by their names.

    Call this before running code that calls functions from `definitions`.

    Raises:
        OSError: The C library is not found.
        AttributeError: The C library lacks a function.

    Example:
        >>> load_libraries()
    """
    from llvmlite import binding

    if vector_library():
        binding.load_library_permanently("libmvec.so.1")
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
    for name in [*_CALLED, "fmod"]:
        if binding.address_of_symbol(name) is None:
            binding.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
