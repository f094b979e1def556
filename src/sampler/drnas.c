// drnas: gates are drawn from a Dirichlet distribution with concentrations elu(alpha) + 1 (Chen et al., "DrNAS: Dirichlet Neural
// Architecture Search", ICLR 2021, equation 4). Their derivative along a concentration (Jankowiak and Obermeyer 2018): a gate
// moves with its Beta marginal at a fixed quantile, and the others keep their proportions.
#include "sampler/method.h"

#include <math.h>

static double concentration(double alpha) {
    return alpha > 0 ? alpha + 1 : exp(alpha);
}

// ---------------------------------------------------------------- draws
// Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000; below 1 with a power of a uniform.
static double gamma_draw(double shape, sn_rng *rng) {
    if (shape < 1) {
        double u;
        while (!((u = sn_rng_unit(rng)) > 0)) continue;
        return gamma_draw(shape + 1, rng) * pow(u, 1 / shape);
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = sn_rng_normal(rng), v = 1 + c * x, u = sn_rng_unit(rng);
        if (v <= 0 || !(u > 0)) continue;
        v = v * v * v;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

static void gates(sn_relax *r, int d, int draw) {
    const sn_decision *o = &r->space->decisions[d];
    int first = r->gates->first[d];
    double *w = r->kept + first, sum = 0;
    sn_rng rng = sn_relax_rng(r, d, draw);
    for (int k = 0; k < o->options; k++) {
        w[k] = sn_decision_allows(o, k) ? fmax(gamma_draw(concentration(r->alpha[first + k]), &rng), 1e-100) : 0;
        sum += w[k];
    }
    for (int k = 0; k < o->options; k++) w[k] /= sum;
    sn_relax_open(r, d, w);
}

// ---------------------------------------------------------------- the derivative
// psi by its recurrence up to 10 and its asymptotic series there.
static double digamma(double x) {
    double below = 0;
    for (; x < 10; x++) below -= 1 / x;
    double q = 1 / (x * x);
    return below + log(x) - 0.5 / x - q * (1.0 / 12 - q * (1.0 / 120 - q * (1.0 / 252 - q * (1.0 / 240 - q / 132))));
}

// I_x(a, b) = x^a (1-x)^b / B(a, b) * sum over n of (a+b)_n / (a)_(n+1) x^n, all terms positive; value / density at x, and the
// same of its derivatives along a and b. (DLMF 8.17.8.)
typedef struct {
    double value, along_a, along_b;
} incomplete;

static incomplete incomplete_beta(double x, double a, double b) {
    double term = 1 / a, sum = 0, sum_a = 0, sum_b = 0;
    double log_a = -1 / a, log_ab = 0; // derivatives of the term's logarithm: along a alone, and along a + b
    for (int n = 0; n < 100000; n++) {
        sum += term;
        sum_a += term * (log_a + log_ab);
        sum_b += term * log_ab;
        log_ab += 1 / (a + b + n);
        log_a -= 1 / (a + n + 1);
        term *= x * (a + b + n) / (a + n + 1);
        if (term < 1e-18 * sum) break;
    }
    // d ln(x^a (1-x)^b / B) along a and b; the density is x^(a-1) (1-x)^(b-1) / B
    double scale = x * (1 - x), da = log(x) - digamma(a) + digamma(a + b), db = log1p(-x) - digamma(b) + digamma(a + b);
    return (incomplete){scale * sum, scale * (sum_a + da * sum), scale * (sum_b + db * sum)};
}

// How a Beta(a, b) variable x moves along a at a fixed quantile: -(dI/da) / density. Beyond the middle by I_x(a, b) = 1 -
// I_(1-x)(b, a).
static double beta_along_a(double x, double a, double b) {
    if (x < (a + 1) / (a + b + 2)) return -incomplete_beta(x, a, b).along_a;
    return incomplete_beta(1 - x, b, a).along_b;
}

static void pull(sn_relax *r, int d) {
    const sn_decision *o = &r->space->decisions[d];
    int first = r->gates->first[d];
    const double *w = r->kept + first, *dw = r->dgate + first, *alpha = r->alpha + first;
    double total = 0, mean = 0;
    for (int k = 0; k < o->options; k++) {
        if (!sn_decision_allows(o, k)) continue;
        total += concentration(alpha[k]);
        mean += w[k] * dw[k];
    }
    for (int k = 0; k < o->options; k++) {
        if (!sn_decision_allows(o, k) || !(w[k] < 1)) continue;
        double c = concentration(alpha[k]), along = beta_along_a(w[k], c, total - c) / (1 - w[k]);
        r->dalpha[first + k] += along * (dw[k] - mean) * (alpha[k] > 0 ? 1 : c);
    }
}

// The mean of the distribution.
static void share(const sn_space *s, int d, const double *alpha, double *out) {
    const sn_decision *o = &s->decisions[d];
    double sum = 0;
    for (int k = 0; k < o->options; k++) sum += out[k] = sn_decision_allows(o, k) ? concentration(alpha[k]) : 0;
    for (int k = 0; k < o->options; k++) out[k] /= sum;
}

const sn_method sn_method_drnas = {.kind = SN_RELAXATION,
                                   .name = "drnas",
                                   .doc = "all options, weighed by a draw from a Dirichlet distribution (Chen et al. 2021)",
                                   .gates = gates,
                                   .pull = pull,
                                   .share = share,
                                   .relax = sn_relax_step,
                                   .draws = true};
