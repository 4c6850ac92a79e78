// Value and gradient of the mean hinge loss of an MLP 2-16-16-1, by hand: for `compiled.py`.
//
// A row of the batch is a lane of a vector register. A block of rows goes through a layer at a
// time, in tiles of four neurons whose sums stay in registers; sums over the rows stay apart by
// lane until the end. Parameters come neuron by neuron, a neuron's bias after its weights.
// And value and gradient of Rosenbrock's function, one point at a time.
// GCC or Clang, on any processor; -ffast-math lets them vectorise tanh.

#include <cmath>
#include <cstring>

namespace {

#ifdef __AVX512F__
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
constexpr int WIDTH = 16, TILE = 4, BLOCK = 4;  // BLOCK: vectors of rows

typedef double Lanes __attribute__((vector_size(8 * LANES)));

constexpr int FAN = WIDTH + 1;  // what a neuron of the second layer has of parameters
constexpr int SECOND = WIDTH * 3, LAST = SECOND + WIDTH * FAN, PARAMETERS = LAST + FAN;

struct Relu {
    static void apply(Lanes *xs, int count) {
        for (int k = 0; k < count; ++k) xs[k] = xs[k] > 0.0 ? xs[k] : Lanes{};
    }
    static Lanes chain(Lanes y, Lanes adjoint) { return y > 0.0 ? adjoint : Lanes{}; }
};

struct Tanh {
    static void apply(Lanes *xs, int count) {
        double *numbers = reinterpret_cast<double *>(xs);
        for (int k = 0; k < count * LANES; ++k) numbers[k] = std::tanh(numbers[k]);
    }
    static Lanes chain(Lanes y, Lanes adjoint) { return adjoint * (1.0 - y * y); }
};

template <int V>
using Layer = Lanes[WIDTH][V];

// One block: adds its losses to `loss`, its gradient to `sums`, lane by lane.
template <class Activation, int V>
void block(const double *w, const double *X, const double *Y, Lanes *sums, Lanes &loss) {
    Lanes x0[V], x1[V], target[V], adjoint[V];
    Layer<V> h1, h2, d1, d2;
    for (int v = 0; v < V; ++v)
        for (int lane = 0; lane < LANES; ++lane) {
            x0[v][lane] = X[2 * (v * LANES + lane)];
            x1[v][lane] = X[2 * (v * LANES + lane) + 1];
            target[v][lane] = Y[v * LANES + lane];
        }

    for (int i = 0; i < WIDTH; ++i)
        for (int v = 0; v < V; ++v)
            h1[i][v] = w[3 * i] * x0[v] + w[3 * i + 1] * x1[v] + w[3 * i + 2];
    Activation::apply(&h1[0][0], WIDTH * V);

    for (int start = 0; start < WIDTH; start += TILE) {
        const double *rows = w + SECOND + start * FAN;
        Lanes net[TILE][V];
        for (int i = 0; i < TILE; ++i)
            for (int v = 0; v < V; ++v) net[i][v] = rows[i * FAN + WIDTH] + Lanes{};
        #pragma GCC unroll 4
        for (int j = 0; j < WIDTH; ++j)
            for (int i = 0; i < TILE; ++i)
                for (int v = 0; v < V; ++v) net[i][v] += rows[i * FAN + j] * h1[j][v];
        for (int i = 0; i < TILE; ++i)
            for (int v = 0; v < V; ++v) h2[start + i][v] = net[i][v];
    }
    Activation::apply(&h2[0][0], WIDTH * V);

    for (int v = 0; v < V; ++v) {
        Lanes output = w[LAST + WIDTH] + Lanes{};
        for (int i = 0; i < WIDTH; ++i) output += w[LAST + i] * h2[i][v];
        Lanes margin = 1.0 - target[v] * output;
        loss += margin > 0.0 ? margin : Lanes{};
        adjoint[v] = margin > 0.0 ? -target[v] : Lanes{};
        sums[LAST + WIDTH] += adjoint[v];
    }
    for (int i = 0; i < WIDTH; ++i) {
        Lanes weight = sums[LAST + i], bias = sums[SECOND + i * FAN + WIDTH];
        for (int v = 0; v < V; ++v) {
            weight += adjoint[v] * h2[i][v];
            d2[i][v] = Activation::chain(h2[i][v], w[LAST + i] * adjoint[v]);
            bias += d2[i][v];
        }
        sums[LAST + i] = weight;
        sums[SECOND + i * FAN + WIDTH] = bias;
    }

    for (int i = 0; i < WIDTH; i += TILE)
        for (int j = 0; j < WIDTH; j += TILE) {
            Lanes *rows = sums + SECOND + i * FAN + j, tile[TILE][TILE];
            for (int a = 0; a < TILE; ++a)
                for (int b = 0; b < TILE; ++b) tile[a][b] = rows[a * FAN + b];
            for (int v = 0; v < V; ++v)
                for (int a = 0; a < TILE; ++a)
                    for (int b = 0; b < TILE; ++b) tile[a][b] += d2[i + a][v] * h1[j + b][v];
            for (int a = 0; a < TILE; ++a)
                for (int b = 0; b < TILE; ++b) rows[a * FAN + b] = tile[a][b];
        }

    for (int start = 0; start < WIDTH; start += TILE) {
        Lanes sum[TILE][V] = {};
        #pragma GCC unroll 4
        for (int i = 0; i < WIDTH; ++i)
            for (int j = 0; j < TILE; ++j)
                for (int v = 0; v < V; ++v)
                    sum[j][v] += w[SECOND + i * FAN + start + j] * d2[i][v];
        for (int j = 0; j < TILE; ++j)
            for (int v = 0; v < V; ++v)
                d1[start + j][v] = Activation::chain(h1[start + j][v], sum[j][v]);
    }
    for (int i = 0; i < WIDTH; ++i) {
        Lanes *row = sums + 3 * i;
        Lanes first = row[0], second = row[1], bias = row[2];
        for (int v = 0; v < V; ++v) {
            first += d1[i][v] * x0[v];
            second += d1[i][v] * x1[v];
            bias += d1[i][v];
        }
        row[0] = first, row[1] = second, row[2] = bias;
    }
}

template <class Activation>
double step(const double *w, const double *X, const double *Y, long rows, double *gradient) {
    Lanes sums[PARAMETERS] = {}, loss = {};
    long row = 0;
    for (; row + BLOCK * LANES <= rows; row += BLOCK * LANES)
        block<Activation, BLOCK>(w, X + 2 * row, Y + row, sums, loss);
    for (; row + LANES <= rows; row += LANES)
        block<Activation, 1>(w, X + 2 * row, Y + row, sums, loss);
    double value = 0.0;
    if (row < rows) {  // lanes without a row have the target 0: a loss of 1 and no gradient
        double last_X[2 * LANES] = {}, last_Y[LANES] = {};
        std::memcpy(last_X, X + 2 * row, 2 * (rows - row) * sizeof(double));
        std::memcpy(last_Y, Y + row, (rows - row) * sizeof(double));
        block<Activation, 1>(w, last_X, last_Y, sums, loss);
        value -= LANES - (rows - row);
    }
    for (int k = 0; k < PARAMETERS; ++k) {
        double sum = 0.0;
        for (int lane = 0; lane < LANES; ++lane) sum += sums[k][lane];
        gradient[k] = sum / rows;
    }
    for (int lane = 0; lane < LANES; ++lane) value += loss[lane];
    return value / rows;
}

}  // namespace

extern "C" {

double hinge_relu(const double *w, const double *X, const double *Y, long rows, double *gradient) {
    return step<Relu>(w, X, Y, rows, gradient);
}

// Rosenbrock's function, whose calls cost more than itself.
double valley(const double *x, long inputs, double *gradient) {
    double value = 0.0;
    gradient[0] = 0.0;
    for (long k = 0; k + 1 < inputs; ++k) {
        double rise = x[k + 1] - x[k] * x[k], rest = 1.0 - x[k];
        value += 100.0 * rise * rise + rest * rest;
        gradient[k] -= 400.0 * rise * x[k] + 2.0 * rest;
        gradient[k + 1] = 200.0 * rise;
    }
    return value;
}

double hinge_tanh(const double *w, const double *X, const double *Y, long rows, double *gradient) {
    return step<Tanh>(w, X, Y, rows, gradient);
}

}
