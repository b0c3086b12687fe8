#pragma once

// Tokenised records, kept in one file so that a corpus is tokenised once and a resumed run reads the same.
//
// The file: eight u64 (magic, fingerprint, kind, records, tokens, checksum of the rest, truncated records,
// 0), the end of each record as u64, and the tokens as u32; the top bit of a token says that it is to be
// learnt.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace capstan::trainer {

// Documents are packed one behind the other; chats stay apart, and only the assistant's tokens are learnt.
enum class RecordKind : std::uint64_t { kDocuments = 1, kChats = 2 };

inline constexpr std::uint32_t kLearnBit = 1U << 31;

struct TokenRecords {
    RecordKind kind = RecordKind::kDocuments;
    std::uint64_t truncated = 0;      // Records that lost their end to a length limit.
    std::vector<std::uint64_t> ends;  // Of each record in `tokens`.
    std::vector<std::uint32_t> tokens;
};

class TokenFile {
public:
    // What was made under this fingerprint; kConflict for a file of another one, kInvalid for a broken one.
    static Result<TokenFile> open(const std::filesystem::path& path, std::uint64_t fingerprint);
    static Result<void> write(
        const std::filesystem::path& path, const TokenRecords& records, std::uint64_t fingerprint
    );

    RecordKind kind() const { return kind_; }

    std::uint64_t truncated() const { return truncated_; }

    std::size_t records() const { return ends_.size(); }

    std::span<const std::uint32_t> tokens() const { return tokens_; }

    std::span<const std::uint32_t> record(std::size_t index) const;

private:
    explicit TokenFile(MappedFile file) : file_(std::move(file)) {}

    MappedFile file_;
    RecordKind kind_ = RecordKind::kDocuments;
    std::uint64_t truncated_ = 0;
    std::span<const std::uint64_t> ends_;
    std::span<const std::uint32_t> tokens_;
};

}  // namespace capstan::trainer
