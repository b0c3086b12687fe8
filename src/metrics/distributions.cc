#include "metrics/distributions.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace capstan::metrics {
namespace {

double log_gamma(double x) {
    int sign = 0;
    return lgamma_r(x, &sign);  // std::lgamma writes to a global.
}

// The continued fraction of the incomplete beta function, by Lentz's method (Press et al., section 6.4).
double beta_fraction(double x, double a, double b) {
    constexpr int kStepsMax = 10'000;
    constexpr double kTiny = 1e-300;
    constexpr double kEnough = 1e-15;
    const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
    double c = 1.0;
    double d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    double fraction = d;
    for (int step = 1; step <= kStepsMax; ++step) {
        const double m = step;
        const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        fraction *= d * c;
        if (std::abs(d * c - 1.0) < kEnough) {
            break;
        }
    }
    return fraction;
}

// I_x(a, b), the regularised incomplete beta function.
double incomplete_beta(double x, double a, double b) {
    if (x <= 0.0 || x >= 1.0) {
        return x <= 0.0 ? 0.0 : 1.0;
    }
    const double front =
        std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(x, a, b) / a
                                         : 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

// Acklam's rational approximation, good to 1e-9; one step of Halley's method does the rest.
double rough_quantile(double p) {
    const auto tail = [](double q) {
        return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q -
                  2.549732539343734e+00) *
                     q +
                 4.374664141464968e+00) *
                    q +
                2.938163982698783e+00) /
               ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q +
                 3.754408661907416e+00) *
                    q +
                1.0);
    };
    constexpr double kTail = 0.02425;
    if (p < kTail) {
        return tail(std::sqrt(-2.0 * std::log(p)));
    }
    if (p > 1.0 - kTail) {
        return -tail(std::sqrt(-2.0 * std::log1p(-p)));
    }
    const double q = p - 0.5;
    const double r = q * q;
    return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
              1.383577518672690e+02) *
                 r -
             3.066479806614716e+01) *
                r +
            2.506628277459239e+00) *
           q /
           (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
              6.680131188771972e+01) *
                 r -
             1.328068155288572e+01) *
                r +
            1.0);
}

}  // namespace

double normal_cdf(double x) {
    return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

double normal_quantile(double probability) {
    if (probability <= 0.0 || probability >= 1.0) {
        return probability <= 0.0 ? -std::numeric_limits<double>::infinity()
                                  : std::numeric_limits<double>::infinity();
    }
    double x = rough_quantile(probability);
    const double error = normal_cdf(x) - probability;
    const double step = error * std::sqrt(2.0 * std::numbers::pi) * std::exp(0.5 * x * x);
    x -= step / (1.0 + 0.5 * x * step);
    return x;
}

double student_cdf(double t, double degrees) {
    const double tail = 0.5 * incomplete_beta(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
    return t < 0.0 ? tail : 1.0 - tail;
}

double two_sided_normal_p(double z) {
    return std::erfc(std::abs(z) / std::numbers::sqrt2);
}

double two_sided_student_p(double t, double degrees) {
    return incomplete_beta(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
}

}  // namespace capstan::metrics
