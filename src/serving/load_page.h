#pragma once

// A load test as one HTML file: figures and plots, nothing fetched from elsewhere.

#include <span>
#include <string>

#include "serving/load_run.h"
#include "serving/load_summary.h"

namespace capstan::serving {

struct LoadPage {
    std::string title;     // What was measured, and with which load: text, not HTML.
    std::string settings;  // One line.
    const LoadSummary& summary;
    std::span<const CallRecord> records;
};

std::string load_page_html(const LoadPage& page);

}  // namespace capstan::serving
