#pragma once

// A small process that outlives the server by a moment: when the server dies, however it dies, the keeper
// kills all that the server's children left behind.

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace capstan::process {

class Keeper {
public:
    // Forks the keeper, which kills every process with `mark` (identity.h) once this process is gone. Call it
    // early, while the program is small: the keeper is a copy of it.
    static Result<Keeper> start(const std::string& mark);

    // Lets the keeper go; it kills what carries the mark all the same, and is waited for.
    ~Keeper();
    Keeper(Keeper&& other) noexcept;
    Keeper& operator=(Keeper&&) = delete;

    int pid() const { return pid_; }

private:
    Keeper(FileDescriptor alive, int pid) : alive_(std::move(alive)), pid_(pid) {}

    FileDescriptor alive_;  // The end of a pipe that closes when we die.
    int pid_ = 0;
};

}  // namespace capstan::process
