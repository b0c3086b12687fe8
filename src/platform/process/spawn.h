#pragma once

// Starts one process: the step from a ProcessSpec to a running program.

#include <string>

#include "base/file.h"
#include "base/result.h"
#include "platform/process/process_spec.h"

namespace capstan::process {

struct Spawned {
    int pid = 0;
    FileDescriptor pidfd;  // Readable when the process has ended.
};

struct Streams {
    int standard_output = -1;  // Open descriptors; the caller keeps them.
    int standard_error = -1;
};

// Starts `spec` as leader of a process group of its own, with stdin from /dev/null, default signals, no other
// open files, and the kernel told to kill it when the calling THREAD ends: call it from a thread that lives
// as long as the program. Waits until the program runs. kNotFound or kDenied when it does not, kExhausted
// when the machine has no room for another process, kInvalid for a wrong specification; the message names
// what failed. The caller reaps it.
Result<Spawned> spawn(const ProcessSpec& spec, const std::string& mark, Streams streams);

}  // namespace capstan::process
