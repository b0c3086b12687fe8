#pragma once

// One output stream of a child, and the file that it ends in.

#include <optional>

#include "base/file.h"
#include "base/result.h"
#include "platform/process/bounded_log.h"
#include "platform/process/process_spec.h"

namespace capstan::process {

class OutputPipe {
public:
    OutputPipe() = default;  // A stream that does not pass through us.

    // What the child is to write to. When `output` is bounded that is a pipe, whose other end `pipe` becomes.
    static Result<FileDescriptor> open(const OutputFile& output, OutputPipe& pipe);

    int fd() const { return end_.get(); }  // Readable when there is output; -1: none comes.

    // Takes some of what is there now, without waiting; a child that never stops writing does not hold us.
    void pump();

    // The child has ended: takes the rest and completes the file.
    void finish();

private:
    FileDescriptor end_;
    std::optional<BoundedLog> log_;
};

}  // namespace capstan::process
