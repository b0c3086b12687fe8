#pragma once

// Finding processes again: by number and start time, or by a mark in their environment that all descendants
// carry.
//
// Every child gets the variable _CAPSTAN_PROCESS=OWNER/HOST/ID. Descendants inherit it, in whatever process
// group or session they hide, and it outlives their parents; so does what kills by it.

#include <cstdint>
#include <optional>
#include <string_view>

#include "platform/process/process_spec.h"

namespace capstan::process {

inline constexpr std::string_view kMarkVariable = "_CAPSTAN_PROCESS=";

// Nothing when there is no such process (a zombie is none), or no /proc.
std::optional<ProcessIdentity> identify(int pid);

// The same for a child of ours, also when it has ended and nobody has collected it.
ProcessIdentity identify_child(int pid);

// Whether that very process still runs.
bool is_running(const ProcessIdentity& identity);

// Sends `signal` to that very process, or to nobody: a number that was used again is safe. False when it is
// gone.
bool signal_process(const ProcessIdentity& identity, int signal);

// Sends SIGKILL to every process whose environment has an entry that begins with `mark`, except the caller,
// until none is left or `ms_max` is over. Returns how many were found. Async-signal-safe: neither allocates
// nor locks.
int kill_marked(std::string_view mark, std::int64_t ms_max);

}  // namespace capstan::process
