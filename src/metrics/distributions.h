#pragma once

// The distributions behind the tests.

namespace capstan::metrics {

double normal_cdf(double x);

// The x whose normal_cdf is `probability` (0 to 1; at the ends infinite). Error below 1e-12.
double normal_quantile(double probability);

// Student's t with any positive degrees of freedom. Error below 1e-10.
double student_cdf(double t, double degrees);

// The probability of a value at least as far from 0.
double two_sided_normal_p(double z);
double two_sided_student_p(double t, double degrees);

}  // namespace capstan::metrics
