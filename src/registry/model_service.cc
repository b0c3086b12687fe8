#include "registry/model_service.h"

#include <algorithm>
#include <cctype>

#include "registry/model_store.h"

namespace capstan::registry {
namespace {

constexpr std::size_t kNameBytesMax = 100;

Result<void> check_name(std::string_view what, std::string_view name) {
    const bool good = !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    });
    if (!good) {
        return Error{
            ErrorCode::kInvalid, std::string(what) + " has 1 to 100 letters, digits, '.', '_' or '-'"
        };
    }
    return {};
}

Result<void> check(const NewVersion& asked) {
    if (auto named = check_name("a model's name", asked.model); !named) {
        return named;
    }
    if (asked.files.empty()) {
        return Error{ErrorCode::kInvalid, "a model version needs at least one file"};
    }
    if ((asked.kind == VersionKind::kAdapter) != asked.base_version_id.has_value()) {
        return Error{ErrorCode::kInvalid, "an adapter, and only an adapter, has a 'base_version_id'"};
    }
    return {};
}

}  // namespace

Result<Version> ModelService::register_version_in(soci::session& session, const NewVersion& asked) {
    if (auto checked = check(asked); !checked) {
        return checked.error();
    }
    if (asked.base_version_id) {
        if (auto base = find_version(session, asked.project_id, *asked.base_version_id); !base) {
            return base.error();
        }
    }
    const Model model = find_or_insert_model(
        session,
        {.id = inputs_.next_id(),
         .project_id = asked.project_id,
         .name = asked.model,
         .description = asked.description,
         .created_ms = inputs_.now_ms()}
    );
    if (asked.run_id) {
        if (auto registered = find_version_of_run(session, model.id, *asked.run_id)) {
            return std::move(*registered);
        }
    }
    Version version{
        .id = inputs_.next_id(),
        .project_id = asked.project_id,
        .model_id = model.id,
        .model = model.name,
        .number = next_version_number(session, model.id),
        .kind = asked.kind,
        .base_version_id = asked.base_version_id,
        .run_id = asked.run_id,
        .parameters = asked.parameters,
        .scores = asked.scores,
        .files = asked.files,
        .created_ms = inputs_.now_ms(),
    };
    insert_version(session, version);
    return version;
}

Result<Version> ModelService::register_version(const NewVersion& asked) {
    return inputs_.database.transact([&](soci::session& session) {
        return register_version_in(session, asked);
    });
}

Result<std::vector<ModelDetail>> ModelService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<ModelDetail>> {
        std::vector<ModelDetail> found;
        for (Model& model : list_models(session, project_id, cursor, rows_max)) {
            auto latest = find_latest_version(session, model.id);
            auto aliases = find_aliases(session, model.id);
            found.push_back({std::move(model), std::move(latest), std::move(aliases)});
        }
        return found;
    });
}

Result<ModelDetail> ModelService::get(std::string_view project_id, std::string_view name) {
    return inputs_.database.read([&](soci::session& session) -> Result<ModelDetail> {
        auto model = find_model(session, project_id, name);
        if (!model) {
            return model.error();
        }
        auto latest = find_latest_version(session, model->id);
        auto aliases = find_aliases(session, model->id);
        return ModelDetail{std::move(*model), std::move(latest), std::move(aliases)};
    });
}

Result<std::vector<Version>> ModelService::versions(
    std::string_view project_id, std::string_view name, std::int64_t before, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<Version>> {
        const auto model = find_model(session, project_id, name);
        if (!model) {
            return model.error();
        }
        return list_versions(session, *model, before, rows_max);
    });
}

Result<Version> ModelService::version(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) { return find_version(session, project_id, id); }
    );
}

Result<Version> ModelService::version_by_number(
    std::string_view project_id, std::string_view name, std::int64_t number
) {
    return inputs_.database.read([&](soci::session& session) -> Result<Version> {
        const auto model = find_model(session, project_id, name);
        if (!model) {
            return model.error();
        }
        return find_version_by_number(session, *model, number);
    });
}

Result<Version> ModelService::assess(
    std::string_view project_id, std::string_view id, const Assessment& assessment
) {
    return inputs_.database.transact([&](soci::session& session) -> Result<Version> {
        auto version = find_version(session, project_id, id);
        if (!version) {
            return version;
        }
        if (const auto* scores = assessment.scores.as_object()) {
            for (const auto& [name, value] : *scores) {
                version->scores.set(name, value);
            }
        }
        version->status = assessment.status.value_or(version->status);
        update_version(session, *version);
        return version;
    });
}

Result<void> ModelService::set_alias(std::string_view project_id, const AliasAsk& ask) {
    if (auto checked = check_name("an alias", ask.alias); !checked) {
        return checked;
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        const auto model = find_model(session, project_id, ask.model);
        if (!model) {
            return model.error();
        }
        if (auto version = find_version_by_number(session, *model, ask.number); !version) {
            return version.error();
        }
        upsert_alias(session, model->id, ask.alias, ask.number);
        return {};
    });
}

Tokenizer ModelService::register_tokenizer_in(soci::session& session, Tokenizer fresh) {
    fresh.id = inputs_.next_id();
    fresh.created_ms = inputs_.now_ms();
    return find_or_insert_tokenizer(session, fresh);
}

Result<Tokenizer> ModelService::tokenizer(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) {
        return find_tokenizer(session, project_id, id);
    });
}

Result<std::vector<Tokenizer>> ModelService::tokenizers(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Tokenizer>>(list_tokenizers(session, project_id, cursor, rows_max));
    });
}

}  // namespace capstan::registry
