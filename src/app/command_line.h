#pragma once

// The command line: `capstan NOUN VERB`, and the programs inside the program (serve, engine, work,
// quickstart).

namespace capstan::app {

// The exit code: 0, or that of the error (base/result.h), whose message goes to stderr.
int run_command_line(int argc, char** argv);

}  // namespace capstan::app
