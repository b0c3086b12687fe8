#pragma once

// Short answers against the right ones, by SQuAD's rules (Rajpurkar et al. 2016): case, punctuation, the
// articles a, an, the, and the amount of white space do not matter.

#include <string>
#include <string_view>

namespace capstan::metrics {

std::string normalised_answer(std::string_view text);

// 1 when both normalise to the same, else 0.
double exact_match(std::string_view answer, std::string_view right);

// F1 of the normalised words as bags; 1 when both have none, 0 when one has none.
double token_f1(std::string_view answer, std::string_view right);

}  // namespace capstan::metrics
