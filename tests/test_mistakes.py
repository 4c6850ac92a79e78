"""The likeliest mistakes of newcomers: what was typed, and what the error must say.

They come from micrograd, PyTorch, Keras, scikit-learn, JAX and HIPS's autograd, or are new to all
of it. An error names what is wrong and what to write instead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, grad, gradcheck

SCOPE: dict[str, Any] = {"autograd": autograd, "Value": Value, "grad": grad, "np": np, "nn": nn}
SCOPE |= {"gradcheck": gradcheck, "math": math, "x": None}

MISTAKES: list[tuple[str, type[Exception], list[str]]] = [
    # numbers and arrays
    ("Value('1')", TypeError, ["real number", "str", "'1'"]),
    ("Value([1.0, 2.0])", TypeError, ["real number", "list", "[1.0, 2.0]"]),
    ("Value(None)", TypeError, ["real number", "NoneType"]),
    ("Value(1 + 2j)", TypeError, ["complex", ".real and .imag"]),
    ("Value(10**400)", OverflowError, ["too large"]),
    ("Value(np.zeros(3))", TypeError, ["real number", "ndarray"]),
    ("x + 'a'", TypeError, ["+", "str", "'a'"]),
    ("x + None", TypeError, ["+", "NoneType"]),
    ("x * [1.0]", TypeError, ["*", "list", "[1.0]"]),
    ("x ** 'a'", TypeError, ["**", "str"]),
    ("math.sin(x)", TypeError, ["autograd.sin(v)", "v.data"]),
    ("float(x)", TypeError, ["lose the gradient", "v.data"]),
    ("int(x)", TypeError, ["lose the gradient", "v.data"]),
    ("autograd.sin([1.0])", TypeError, ["sin", "list"]),
    ("autograd.sin('a')", TypeError, ["sin", "str"]),
    ("autograd.sin(np.ones(2))", TypeError, ["sin", "NumPy's function of that name"]),
    ("autograd.hypot(1.0)", TypeError, ["hypot(x1, x2)", "x2"]),
    ("autograd.where(True, 1.0)", TypeError, ["where(condition, x1, x2)", "x2"]),
    # sequences
    ("autograd.sum(1.0)", TypeError, ["sum", "sequence", "1.0"]),
    ("autograd.sum(1.0, 2.0)", TypeError, ["sum", "sum([x1, x2])", "2 arguments"]),
    ("autograd.mean(1.0, 2.0, 3.0)", TypeError, ["mean([x1, x2])", "3 arguments"]),
    ("autograd.max(1.0, 2.0)", TypeError, ["max([x1, x2])", "maximum(x1, x2)"]),
    ("autograd.min(1.0, 2.0)", TypeError, ["min([x1, x2])", "minimum(x1, x2)"]),
    ("autograd.mean([])", ValueError, ["mean", "at least one"]),
    ("autograd.softmax(1.0)", TypeError, ["softmax", "sequence"]),
    ("autograd.dot([1.0], [1.0, 2.0])", ValueError, ["dot", "1 and 2"]),
    # off the domain
    ("autograd.log(Value(-1.0, 'w'))", ValueError, ["log", "-1.0", "'w'", "x > 0"]),
    ("1 / Value(0.0)", ZeroDivisionError, ["x2 = 0.0", "x2 != 0"]),
    ("Value(0.0) ** -1", ZeroDivisionError, ["x1 = 0.0", "x2 = -1.0"]),
    ("autograd.sqrt(-1.0)", ValueError, ["sqrt", "-1.0"]),
    ("autograd.exp(1000.0)", OverflowError, ["exp", "1000.0"]),
    # micrograd's, PyTorch's and TensorFlow's names of what a Value has
    ("x.item()", AttributeError, [".data"]),
    ("x.numpy()", AttributeError, [".data"]),
    ("x.value", AttributeError, [".data"]),
    ("x.gradient", AttributeError, [".grad"]),
    ("x.backwards()", AttributeError, ["backward()"]),
    ("x._prev", AttributeError, [".parents"]),
    ("x._op", AttributeError, [".op"]),
    ("x._backward", AttributeError, [".local_derivatives"]),
    ("x.grad_fn", AttributeError, [".op"]),
    ("x.requires_grad", AttributeError, ["no_grad"]),
    ("x.requires_grad_(True)", AttributeError, ["no_grad"]),
    ("x.is_leaf", AttributeError, [".parents"]),
    ("x.clone()", AttributeError, ["copy.copy"]),
    ("x.pow(2)", AttributeError, ["x1 ** x2"]),
    ("x.add(2)", AttributeError, ["x1 + x2"]),
    ("x.sum()", AttributeError, ["autograd.sum([x1, x2])"]),
    ("x.max(2.0)", AttributeError, ["maximum"]),
    ("x.shape", AttributeError, ["one number"]),
    ("x.T", AttributeError, ["one number"]),
    ("x.cuda()", AttributeError, ["memory"]),
    ("x.data = '1'", TypeError, ["data", "real number", "str"]),
    ("x.data = x", TypeError, ["Value", ".data"]),
    ("x.label = 5", TypeError, ["label", "int"]),
    ("x.backward(retain_graph=True)", TypeError, ["retain_graph", "again"]),
    ("x.backward(gradient=1.0)", TypeError, ["seed"]),
    ("x.backward([1.0])", TypeError, ["real number", "list"]),
    ("x @ x", TypeError, ["@"]),
    ("class_(Value)", TypeError, ["cannot be subclassed", "custom_function"]),
    # the package
    ("autograd.tensor(1.0)", AttributeError, ["Value"]),
    ("autograd.Variable(1.0)", AttributeError, ["Value"]),
    ("autograd.jit(abs)", AttributeError, ["compile"]),
    ("autograd.vmap(abs)(2.0)", TypeError, ["vmap(abs)", "does not vary", "list or array"]),
    ("autograd.vmap(abs, out_axes=1)", TypeError, ["out_axes", "rows are the first axis"]),
    ("autograd.checkpoint(2.0)", TypeError, ["checkpoint", "expected a function", "float: 2.0"]),
    ("autograd.implicit(2.0, abs)", TypeError, ["solve must be a function", "float: 2.0"]),
    ("autograd.elementwise_grad(abs)", AttributeError, ["grad"]),
    ("autograd.numpy.sin(1.0)", AttributeError, ["import numpy"]),
    ("autograd.GradientTape()", AttributeError, ["backward()", "grad(f)"]),
    ("autograd.Function", AttributeError, ["custom_function"]),
    ("autograd.custom_vjp", AttributeError, ["custom_function"]),
    ("autograd.draw_dot(x)", AttributeError, ["draw"]),
    ("autograd.atan2(1.0, 2.0)", AttributeError, ["arctan2"]),
    ("autograd.acos(1.0)", AttributeError, ["arccos"]),
    ("autograd.check_grads", AttributeError, ["gradcheck", "check_gradients"]),
    ("autograd.nn", AttributeError, ["import nn"]),
    # transforms
    ("grad(2.0)", TypeError, ["grad", "function", "2.0"]),
    ("grad(lambda x: x)(1)", TypeError, ["1 is not a float", "1.0"]),
    ("grad(lambda x: x)('a')", TypeError, ["x", "str"]),
    ("grad(lambda x: None)(1.0)", TypeError, ["return one number", "NoneType"]),
    ("grad(lambda x: [x, x])(1.0)", TypeError, ["list", "jacobian"]),
    ("grad(lambda x: x, argnum=0)", TypeError, ["argnums"]),
    ("grad(lambda x: x, argnums=2)(1.0)", ValueError, ["argnums=2", "1 positional"]),
    ("grad(np.sum)(np.array([1, 2]))", TypeError, ["1 is not a float", "1.0"]),
    ("autograd.value_and_grad(3)", TypeError, ["value_and_grad", "function"]),
    ("autograd.custom_function(abs)", TypeError, ["evaluate", "partials"]),
    # compiling
    ("autograd.compile(3)", TypeError, ["compile", "function", "3"]),
    ("autograd.compile(lambda x: x if x > 0 else -x)(1.0)", TypeError, ["where(condition"]),
    (
        "autograd.compile(lambda x: math.sin(x))(1.0)",
        TypeError,
        ["known only when", "autograd.sin"],
    ),
    ("autograd.compile(abs, static_argnums=0)", TypeError, ["static_argnums", "constants"]),
    # checking
    ("gradcheck(lambda x: x)", TypeError, ["no float or Value among the arguments"]),
    ("gradcheck(lambda x: x, 'a')", TypeError, ["str"]),
    ("gradcheck(lambda x: x, 1.0, eps=1e-6)", TypeError, ["eps", "no step or tolerance"]),
    ("gradcheck(lambda x: x, 1.0, atol=1e-6)", TypeError, ["atol", "no step or tolerance"]),
    # networks
    ("nn.Linear(2, 1)", AttributeError, ["nn", "Linear", "Layer(nin, nout"]),
    ("nn.Sequential()", AttributeError, ["MLP"]),
    ("nn.MSELoss()", AttributeError, ["nn.losses.mean_squared_error"]),
    ("nn.losses.mse(1.0, 2.0)", AttributeError, ["nn.losses", "mean_squared_error"]),
    ("nn.losses.cross_entrop", AttributeError, ["nn.losses", "cross_entrop"]),
    ("nn.optim.RMSprop([])", AttributeError, ["SGD, Adam and AdamW", "Optimiser"]),
    ("nn.optim.lr_scheduler.StepLR", AttributeError, ["step_decay"]),
    ("nn.optim.SGD([p], lr=0.1)", TypeError, ["SGD has no argument lr=", "learning_rate="]),
    ("nn.optim.Adam([p], 0.1, eps=1e-8)", TypeError, ["Adam", "eps=", "epsilon="]),
    ("nn.optim.AdamW([p], beta1=0.5)", TypeError, ["AdamW", "betas="]),
    ("nn.optim.SGD(model, 0.1)", TypeError, ["model.parameters()"]),
    ("nn.MLP(2, 3, 1)", TypeError, ["sizes", "list", "3"]),
    ("nn.MLP(2, [3, 1], activation='rleu')", ValueError, ["'rleu'", "relu"]),
    ("model([1.0, 2.0])", ValueError, ["1 input,", "got 2"]),
    ("model([[1.0], [2.0]])", TypeError, ["table", "model.predict(X)"]),
    ("model.forward([1.0])", AttributeError, ["MLP", "model(x)", "__call__"]),
    ("model.fit(X, Y)", AttributeError, ["nn.fit(model, loss, X, Y)"]),
    ("model.compile('adam', loss='mse')", AttributeError, ["nn.fit"]),
    ("model.summary()", AttributeError, ["draw(model)"]),
    ("model.to('cpu')", AttributeError, ["memory"]),
    ("model.trainable_variables", AttributeError, ["parameters()"]),
    ("model.load('no such file')", FileNotFoundError, ["no such file"]),
    ("model.load_state_dict({})", ValueError, ["MLP", "is missing"]),
    ("Forward()(1.0)", NotImplementedError, ["Forward", "__call__", "forward"]),
    ("opt.lr", AttributeError, ["SGD has no attribute 'lr'", "learning_rate"]),
    ("opt.lr = 5", AttributeError, ["SGD has no attribute 'lr'", "learning_rate"]),
    ("opt.param_groups[0]['lr'] = 5", AttributeError, ["param_groups", "parameters"]),
    (
        "fit(model, model, X, Y)",
        TypeError,
        ["loss", "an output and a target", "mean_squared_error"],
    ),
    ("fit(model, 'mse', X, Y)", TypeError, ["'mse'", "nn.losses.mean_squared_error"]),
    ("fit(model, mse, X, Y, lr=0.1)", TypeError, ["fit has no argument lr=", "optimiser="]),
    ("fit(model, mse, X, Y, optimizer='adam')", TypeError, ["optimizer=", "optimiser=Adam"]),
    ("fit(model, mse, X, Y, optimiser='adam')", TypeError, ["optimiser", "nn.optim", "'adam'"]),
    ("fit(model, mse, X, Y, optimiser=nn.optim.Adam)", TypeError, ["optimiser", "made"]),
    ("fit(model, mse, X, Y, verbose=2)", TypeError, ["verbose=", "progress="]),
    ("fit(model, mse, X, Y, validation_split=0.2)", TypeError, ["validation=0.2"]),
    ("fit(model, mse, X, Y, validation_data=(X, Y))", TypeError, ["validation=(X, Y)"]),
    ("fit(model, mse, X, Y, metrics=['acc'])", ValueError, ["'acc'", "'accuracy'"]),
    ("fit(model, lambda o, t: None, X, Y)", TypeError, ["<lambda>", "NoneType", "return"]),
    ("fit(model, X, Y, mse)", TypeError, ["a Module, a loss function, X and Y"]),
    ("fit(model, mse, X, Y, callbacks=[3])", TypeError, ["on_epoch", "3"]),
    ("model(X)", TypeError, ["table", "model.predict(X)"]),
    # drawing
    ("autograd.draw(1.0)", TypeError, ["draw", "Value", "float: 1.0"]),
    ("autograd.draw(lambda x: x)", TypeError, ["draw(model(inputs))", "function"]),
    ("autograd.draw(x, links='all')", ValueError, ["links", "'all'", "derivatives"]),
    ("autograd.draw(x).save('x.jpg')", ValueError, ["'x.jpg'", ".svg"]),
    ("autograd.explain(1.0)", TypeError, ["explain", "float: 1.0"]),
    # what messages once failed to say
    ("autograd.sum({'a': x})", TypeError, ["sum", "list(d.values())"]),
    ("autograd.sum('abc')", TypeError, ["sum", "sequence", "str: 'abc'"]),
    ("autograd.max([])", ValueError, ["max: expected at least one operand", "empty"]),
    ("autograd.logsumexp([])", ValueError, ["logsumexp: expected at least one operand"]),
    ("autograd.log(2.0, 0.0)", ValueError, ["base = 0.0", "base > 0 other than 1"]),
    ("autograd.log(2.0, 1)", ZeroDivisionError, ["base = 1.0", "base > 0 other than 1"]),
    ("x % 0", ZeroDivisionError, ["x1 % x2", "modulo by zero", "x2 != 0"]),
    ("pow(x, 2, 3)", TypeError, ["x1 ** x2 % modulus"]),
    ("autograd.net([x], [1.0, 2.0], x)", ValueError, ["1 weight for 2 inputs"]),
    ("x.data = np.ones(3)", TypeError, ["Value.data", "np.array([Value(x) for x in xs])"]),
    ("grad(lambda x: x, argnums=1)(1.0)", ValueError, ["1 positional argument"]),
    ("grad(lambda x: x)(x=1.0)", ValueError, ["0 positional arguments", "by position"]),
    ("grad(lambda x: None)(1.0)", TypeError, ["is a return missing?"]),
    ("grad(lambda x: x)('a')", TypeError, ["grad(<lambda>): x:", "str: 'a'"]),
    ("autograd.hessian(lambda x: [x])(1.0)", TypeError, ["hessian(<lambda>)", "list"]),
    ("autograd.hessian(lambda x: x, argnums=4)(1.0)", ValueError, ["hessian: argnums=4"]),
    ("autograd.hvp(abs, (1.0, 2.0), (1.0,))", ValueError, ["hvp", "2 arguments but 1 tangent"]),
    ("autograd.jvp(abs, 1.0, 1.0)", TypeError, ["jvp", "(x,)", "float: 1.0"]),
    ("autograd.jvp(abs, (1.0,), ([1.0],))", TypeError, ["single number", "list: [1.0]"]),
    ("autograd.no_grad(abs)", TypeError, ["no_grad takes no arguments", "@no_grad()"]),
    ("autograd.no_grad()(3)", TypeError, ["no_grad", "function", "int: 3"]),
    ("own('sin', lambda x: x)", ValueError, ["'sin'", "function of the library"]),
    ("own('a b', lambda x: x)", ValueError, ["'a b'", "not an identifier"]),
    ("own('data', lambda x: x)", ValueError, ["'data'", "attribute of Value"]),
    ("own('cubed', 3)", TypeError, ["'cubed'", "evaluate", "int: 3"]),
    ("own('cubed', lambda x, y: x)", TypeError, ["'cubed'", "partials(m, y, x, y)"]),
    ("autograd.explain(x * x, 3)", TypeError, ["explain: wrt", "int: 3"]),
    ("autograd.explain(x * x, x, limit='a')", TypeError, ["explain: limit", "str: 'a'"]),
    ("autograd.explain(x * x, through='all')", ValueError, ["through=", "wrt"]),
    ("autograd.draw(x * x, fold='deep')", ValueError, ["draw: fold must be", "'auto'", "'deep'"]),
    (
        "autograd.draw(x * x, direction='up')",
        ValueError,
        ["direction must be 'auto', 'LR'", "'up'"],
    ),
    ("autograd.draw(x * x, expand='foo')", ValueError, ["expand='foo'", "sum"]),
    ("autograd.draw(model, within=1)", TypeError, ["within=", "draw(model(inputs))"]),
    ("autograd.draw(x * x).save(3)", TypeError, ["Drawing.save", "path", "int: 3"]),
    ("autograd.draw(model).to_html('a.html')", ValueError, ["to_html", "no steps", "draw(y)"]),
    ("autograd.compile(abs, reduce='mean')", ValueError, ["reduce='mean'", "in_axes=0"]),
    ("autograd.compile(abs, threads=0)", ValueError, ["threads", "at least 1", "0"]),
    ("autograd.compile(abs, in_axes=0)(1.0)", TypeError, ["single number, 1.0", "axis 0"]),
    ("autograd.compile(abs, in_axes=(0, 0))([1.0])", ValueError, ["2 entries for 1 positional"]),
    ("autograd.compile(abs, in_axes=1)([1.0])", ValueError, ["1 dimension,", "axis 1"]),
    ("autograd.compile(abs).save('a')", ValueError, ["save", "call"]),
    ("nn.Parameter('a')", TypeError, ["Parameter: expected a real number", "str: 'a'"]),
    ("nn.Buffer([1.0])", TypeError, ["Buffer: expected a real number", "list"]),
    ("nn.MLP('2', [3])", TypeError, ["MLP: nin", "str: '2'"]),
    ("nn.MLP(2, [3, 0])", ValueError, ["sizes[1]", "at least 1", "0"]),
    ("nn.MLP(2, [3.0])", TypeError, ["MLP: sizes", "[16, 16, 1]", "[3.0]"]),
    ("nn.MLP(2, [])", ValueError, ["MLP: sizes is empty"]),
    ("nn.MLP(2, [3], 'softmax')", ValueError, ["MLP: activation", "'softmax'", "relu"]),
    ("nn.Layer(2, 3)(1.0)", TypeError, ["list of 2 numbers", "1.0", "[x1, x2]"]),
    ("nn.Layer(1, 3)(x)", TypeError, ["list of 1 number,", "[x]"]),
    ("nn.Layer(2, 3, seed=[1])", TypeError, ["Layer: seed", "list: [1]"]),
    ("nn.Neuron(1, bias=0.5)", TypeError, ["Neuron: bias", "float: 0.5"]),
    ("nn.Dropout(2.0)", ValueError, ["Dropout: p", "from 0 to 1", "2.0"]),
    ("nn.Dropout(seed='a')", TypeError, ["Dropout: seed", "str: 'a'"]),
    ("nn.optim.SGD(p, 0.1)", TypeError, ["SGD: parameters", "model.parameters()"]),
    ("nn.optim.SGD([x * x], 0.1)", TypeError, ["SGD", "computed from others"]),
    ("nn.optim.SGD([p], -1)", ValueError, ["SGD: learning_rate", "-1.0"]),
    ("nn.optim.SGD([p], 0.1, nesterov=True)", ValueError, ["SGD: nesterov=True", "momentum"]),
    ("nn.optim.Adam([p], betas=0.9)", ValueError, ["Adam: betas", "pair", "0.9"]),
    ("opt.momentum = 'a'", TypeError, ["SGD: momentum", "str: 'a'"]),
    ("nn.schedules.step_decay('a', 10)", TypeError, ["step_decay: rate", "str: 'a'"]),
    ("nn.schedules.step_decay(0.1, 1.5)", TypeError, ["step_decay: every", "float: 1.5"]),
    ("nn.callbacks.Log('epochs')", TypeError, ["Log: logger", "str: 'epochs'"]),
    ("nn.callbacks.CSVLog(3)", TypeError, ["CSVLog", "path", "int: 3"]),
    ("nn.is_frozen(1.0)", TypeError, ["is_frozen", "Parameter", "float: 1.0"]),
    ("nn.save_checkpoint(model, 'a')", TypeError, ["save_checkpoint", "in this order", "'a'"]),
    ("nn.save_checkpoint('a', model, extra=3)", TypeError, ["extra", "dictionary", "int: 3"]),
    ("model.save(3)", TypeError, ["MLP.save", "path", "int: 3"]),
    ("model.freeze('lyers')", ValueError, ["'lyers'", "layers.0.neurons.0.weights.0"]),
    ("model.freeze(3)", TypeError, ["name", "int: 3"]),
    ("model.predict([['a']])", TypeError, ["MLP.predict", "table", "[['a']]"]),
    ("fit(model, mse, X, Y, epochs=None)", TypeError, ["fit: epochs", "NoneType"]),
    ("fit(model, mse, X, Y, epochs=0)", ValueError, ["fit: epochs", "at least 1", "0"]),
    ("fit(model, mse, X, [0.0])", ValueError, ["X has 2 rows but Y has 1", "each row"]),
    ("fit(model, mse, X, Y, resume=3)", TypeError, ["fit: resume", "path", "int: 3"]),
    ("fit(model, mse, X, Y, optimiser=opt)", ValueError, ["optimiser", "model.parameters()"]),
    ("nn.losses.mean_squared_error([1.0], [1.0, 2.0])", ValueError, ["1 output but 2 targets"]),
    ("nn.losses.mean_squared_error('a', 1)", TypeError, ["mean_squared_error", "str: 'a'"]),
    ("nn.losses.huber([1.0], [1.0], 'a')", TypeError, ["huber: delta", "str: 'a'"]),
    ("nn.metrics.accuracy([None], [1])", TypeError, ["accuracy", "NoneType"]),
    ("nn.metrics.accuracy([1, 2], [1, 2, 3])", ValueError, ["2 outputs but 3 targets"]),
]


class Forward(nn.Module):
    """A model in PyTorch's style."""

    def forward(self, x: Any) -> Any:
        return x


def class_(base: type) -> type:
    return type("Mine", (base,), {})


def own(name: str, evaluate: Any) -> Any:
    return autograd.custom_function(name, evaluate, lambda m, y, x: 1.0)


@pytest.mark.parametrize(("typed", "error", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_the_error_says_what_to_do(typed: str, error: type[Exception], words: list[str]) -> None:
    scope = {**SCOPE, "x": Value(2.0, "x"), "class_": class_, "Forward": Forward, "own": own}
    model, p = nn.MLP(1, [2, 1], seed=1), nn.Parameter(1.0)
    scope |= {"model": model, "p": p, "opt": nn.optim.SGD([p], 0.1), "fit": nn.fit}
    scope |= {"mse": nn.losses.mean_squared_error, "X": [[0.0], [1.0]], "Y": [0.0, 1.0]}
    with pytest.raises(error) as raised:
        exec(typed, scope)
    message = str(raised.value)
    for word in words:
        assert word in message
    assert len(message) < 1000


def test_there_are_two_hundred() -> None:
    assert len(MISTAKES) >= 200
