#include "text/sentence_piece_file.h"

#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "text/limits.h"

namespace capstan::text {
namespace {

constexpr int kVarintBytesMax = 10;

Error cut_off() {
    return {ErrorCode::kInvalid, "the file is cut off or no SentencePiece model"};
}

struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;  // Of numbers; of fixed 32 bits, those.
    std::string_view bytes;   // Of texts and messages.
};

// The fields of one message, one after another.
class FieldReader {
public:
    explicit FieldReader(std::string_view message) : rest_(message) {}

    bool is_at_end() const { return rest_.empty(); }

    Result<Field> next() {
        const auto key = varint();
        if (!key) {
            return key.error();
        }
        Field field{.number = *key >> 3};
        switch (*key & 7) {
            case 0: {
                const auto value = varint();
                if (!value) {
                    return value.error();
                }
                field.value = *value;
                return field;
            }
            case 1:
                return fixed(field, 8);
            case 2: {
                const auto size = varint();
                if (!size || *size > rest_.size()) {
                    return cut_off();
                }
                field.bytes = rest_.substr(0, *size);
                rest_.remove_prefix(*size);
                return field;
            }
            case 5:
                return fixed(field, 4);
            default:
                return cut_off();  // Groups, which nobody writes.
        }
    }

private:
    Result<Field> fixed(Field field, std::size_t bytes) {
        static_assert(std::endian::native == std::endian::little, "numbers are little-endian");
        if (bytes > rest_.size()) {
            return cut_off();
        }
        std::memcpy(&field.value, rest_.data(), bytes);
        rest_.remove_prefix(bytes);
        return field;
    }

    Result<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (int i = 0; i < kVarintBytesMax && !rest_.empty(); ++i) {
            const auto byte = static_cast<std::uint8_t>(rest_.front());
            rest_.remove_prefix(1);
            value |= std::uint64_t{byte & 0x7FU} << 7 * i;
            if (byte < 0x80) {
                return value;
            }
        }
        return cut_off();
    }

    std::string_view rest_;
};

// Calls on_field(field), which gives a Result<void>, for each field of `message`.
template <typename OnField>
Result<void> read_message(std::string_view message, const OnField& on_field) {
    for (FieldReader reader(message); !reader.is_at_end();) {
        const auto field = reader.next();
        if (!field) {
            return field.error();
        }
        if (auto read = on_field(*field); !read) {
            return read;
        }
    }
    return {};
}

Result<Piece> read_piece(std::string_view message) {
    Piece piece;
    auto read = read_message(message, [&](const Field& field) -> Result<void> {
        if (field.number == 1) {
            piece.text = field.bytes;
        } else if (field.number == 2) {
            piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
        } else if (field.number == 3) {
            if (field.value < 1 || field.value > 6) {
                return Error{ErrorCode::kInvalid, fmt::format("a piece has the type {}", field.value)};
            }
            piece.type = static_cast<PieceType>(field.value);
        }
        return {};
    });
    return read ? Result<Piece>(std::move(piece)) : Result<Piece>(read.error());
}

// Absent is -1, which is ten bytes long.
std::optional<std::int32_t> id_from(std::uint64_t value) {
    return value < kVocabularySizeMax ? std::optional(static_cast<std::int32_t>(value)) : std::nullopt;
}

Result<void> read_trainer(std::string_view message, SentencePieceFile& file) {
    return read_message(message, [&](const Field& field) -> Result<void> {
        constexpr std::uint64_t kUnigram = 1;
        constexpr std::uint64_t kBpe = 2;
        switch (field.number) {
            case 3:
                if (field.value != kUnigram && field.value != kBpe) {
                    return Error{ErrorCode::kInvalid, "the model is neither Unigram nor BPE"};
                }
                file.spec.is_unigram = field.value == kUnigram;
                break;
            case 24:
                if (field.value != 0) {
                    return Error{ErrorCode::kInvalid, "treat_whitespace_as_suffix is not supported"};
                }
                break;
            case 35:
                file.spec.byte_fallback = field.value != 0;
                break;
            case 40:
                file.spec.unknown_id = id_from(field.value);
                break;
            case 41:
                file.bos_id = id_from(field.value);
                break;
            case 42:
                file.eos_id = id_from(field.value);
                break;
            default:
                break;
        }
        return {};
    });
}

Result<void> read_normalizer(std::string_view message, SentencePieceSpec& spec) {
    return read_message(message, [&](const Field& field) -> Result<void> {
        if (field.number == 2) {
            spec.charsmap = field.bytes;
        } else if (field.number == 3) {
            spec.prepends_space = field.value != 0;
        } else if (field.number == 4) {
            spec.joins_spaces = field.value != 0;
        } else if (field.number == 5) {
            spec.marks_spaces = field.value != 0;
        }
        return {};
    });
}

}  // namespace

Result<SentencePieceFile> read_sentence_piece_file(std::string_view bytes) {
    if (bytes.size() > kTokenizerFileBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("has {} bytes; {} at most", bytes.size(), kTokenizerFileBytesMax)
        };
    }
    // What the format takes for absent fields.
    SentencePieceFile file{.spec = {.is_unigram = true, .unknown_id = 0}, .bos_id = 1, .eos_id = 2};
    auto read = read_message(bytes, [&](const Field& field) -> Result<void> {
        if (field.number == 1) {
            auto piece = read_piece(field.bytes);
            if (!piece) {
                return piece.error();
            }
            if (file.spec.pieces.size() >= kVocabularySizeMax) {
                return Error{ErrorCode::kTooLarge, fmt::format("more than {} pieces", kVocabularySizeMax)};
            }
            file.spec.pieces.push_back(std::move(*piece));
            return {};
        }
        if (field.number == 2) {
            return read_trainer(field.bytes, file);
        }
        return field.number == 3 ? read_normalizer(field.bytes, file.spec) : Result<void>();
    });
    if (!read) {
        return read.error();
    }
    if (file.spec.pieces.empty()) {
        return Error{ErrorCode::kInvalid, "there are no pieces: no SentencePiece model"};
    }
    const auto drop_unless_there = [&](std::optional<std::int32_t>& id) {
        id = id && static_cast<std::size_t>(*id) < file.spec.pieces.size() ? id : std::nullopt;
    };
    drop_unless_there(file.spec.unknown_id);
    drop_unless_there(file.bos_id);
    drop_unless_there(file.eos_id);
    return file;
}

}  // namespace capstan::text
