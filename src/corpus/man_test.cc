// Manual pages: which there are, how they read, what their sections say.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "corpus/gzip.h"
#include "corpus/man_list.h"
#include "corpus/man_render.h"
#include "corpus/man_sections.h"
#include "corpus/pairs.h"
#include "corpus/split.h"
#include "corpus/testing.h"

namespace capstan::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kPage =
    ".TH WAVE 1 2024-01-02 greetings\n.SH NAME\nwave \\- greet \\fBpeople\\fR\n"
    ".SH SYNOPSIS\n.B wave\n[\\fINAME\\fR]\n.SH DESCRIPTION\nWaves.\n.SH AUTHOR\nJo.\n";

std::string packed(std::string_view text) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::vector<std::string> ids_of(const std::vector<ManPage>& pages) {
    std::vector<std::string> ids;
    for (const auto& page : pages) {
        ids.push_back(page.id());
    }
    return ids;
}

class ManPages : public testing::Test {
protected:
    TemporaryFolder folder;
    DropLog dropped{5};
    ManListSettings settings{
        .roots = {folder.path() / "man1", folder.path() / "man3"}, .package_lists = folder.path() / "info"
    };

    std::filesystem::path page(const std::string& name, std::string_view content = kPage) const {
        return folder.write(name, content);
    }

    std::vector<ManPage> list() {
        auto pages = list_man_pages(settings, dropped);
        EXPECT_TRUE(pages) << pages.error().message;
        return pages ? *pages : std::vector<ManPage>();
    }

    std::vector<RenderedPage> render(const std::vector<ManPage>& pages) {
        std::vector<RenderedPage> rendered;
        const ManRenderSettings how{
            .folder = folder.path() / "render", .page_bytes_max = 100'000, .limits = {}
        };
        const auto done = render_man_pages(pages, how, dropped, [&](RenderedPage one) -> Result<void> {
            rendered.push_back(std::move(one));
            return {};
        });
        EXPECT_TRUE(done) << done.error().message;
        return rendered;
    }
};

TEST_F(ManPages, AreAllFilesWhereNoPackageIsKnown) {
    page("man1/ls.1");
    page("man1/CA.pl.1ssl.gz");
    page("man3/README");
    page("man3/x.9");
    std::filesystem::create_symlink("ls.1", folder.path() / "man1/dir.1");
    EXPECT_THAT(ids_of(list()), ElementsAre("man/CA.pl.1ssl", "man/ls.1"));
    EXPECT_EQ(dropped.count("another_name_of_a_page"), 1U);
    EXPECT_EQ(dropped.count("not_a_page"), 2U);
}

TEST_F(ManPages, AreThoseOfPackagesThatAreNotTooLarge) {
    std::string many;
    for (const char* name : {"a", "b", "c"}) {
        many += page("man1/" + std::string(name) + ".1").string() + "\n";
    }
    folder.write("info/vendor-tool.list", many);
    folder.write("info/coreutils:amd64.list", "/.\n/bin/ls\n" + page("man1/ls.1").string() + "\n");
    page("man1/own.1");
    settings.pages_per_package_max = 2;
    const auto pages = list();
    ASSERT_THAT(ids_of(pages), ElementsAre("man/ls.1"));
    EXPECT_EQ(pages[0].package, "coreutils:amd64");
    EXPECT_EQ(dropped.count("package_over_page_limit"), 3U);
    EXPECT_EQ(dropped.count("in_no_package"), 1U);
}

TEST_F(ManPages, AreSampledTheSameWayEveryTime) {
    for (int i = 0; i < 50; ++i) {
        page("man1/p" + std::to_string(i) + ".1");
    }
    settings.pages_max = 10;
    const auto ten = ids_of(list());
    EXPECT_EQ(ten.size(), 10U);
    EXPECT_EQ(ids_of(list()), ten);
    settings.pages_max = 11;
    EXPECT_THAT(ids_of(list()), testing::IsSupersetOf(ten));
}

TEST_F(ManPages, OfASampleAreHeldOutInTheFractionAskedFor) {
    for (int i = 0; i < 1000; ++i) {
        page("man1/p" + std::to_string(i) + ".1");
    }
    settings.pages_max = 200;
    const auto ids = ids_of(list());
    const auto is_heldout = [](const std::string& id) { return side_of(id, 0.2, 1) == Side::kHeldout; };
    // Four standard deviations of a binomial with n = 200 and p = 0.2.
    EXPECT_NEAR(static_cast<double>(std::ranges::count_if(ids, is_heldout)), 40, 23);
}

TEST_F(ManPages, AreNotFoundWhereThereIsNoFolder) {
    settings.roots = {folder.path() / "nowhere"};
    EXPECT_EQ(list_man_pages(settings, dropped).error().code, ErrorCode::kNotFound);
}

TEST_F(ManPages, RenderInTheirOrderPackedOrNot) {
    page("man1/a.1", packed(kPage));
    page("man1/b.1.gz", packed(kPage));
    page("man1/c.1");
    const auto pages = list();
    const auto rendered = render(pages);
    ASSERT_EQ(rendered.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(rendered[i].page, &pages[i]);
        EXPECT_EQ(
            without_man_frame(rendered[i].text),
            "\n\nNAME\n       wave - greet people\n\nSYNOPSIS\n       wave [NAME]\n\nDESCRIPTION\n       "
            "Waves.\n\n"
            "AUTHOR\n       Jo.\n\n"
        );
    }
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "render"));
}

TEST_F(ManPages, ThatCannotBeRenderedAreNamedWithTheReason) {
    page("man1/bad.1.gz", packed(kPage).substr(0, 40));
    page("man1/big.1.gz", packed(std::string(200'000, 'x')));
    page("man1/empty.1", "");
    page("man1/good.1");
    page("man1/link.1", ".\\\" a comment\n.so man1/good.1\n");
    const auto pages = list();
    const auto rendered = render(pages);
    ASSERT_FALSE(rendered.empty());
    EXPECT_EQ(rendered.back().page->name, "good");
    EXPECT_EQ(dropped.count("unreadable"), 2U);
    EXPECT_EQ(dropped.count("another_name_of_a_page"), 1U);
}

TEST_F(ManPages, ThatPrintTheSeparatorAreStillToldApart) {
    const std::string dashes(80, '-');
    page("man1/a.1", ".TH A 1\n.SH NAME\na \\- x\n.nf\n.in 0\n\n" + dashes + "\n\nafter\n");
    page("man1/b.1");
    const auto pages = list();
    const auto rendered = render(pages);
    ASSERT_EQ(rendered.size(), 2U);
    EXPECT_THAT(rendered[0].text, HasSubstr("after"));
    EXPECT_THAT(rendered[1].text, HasSubstr("greet"));
    EXPECT_THAT(rendered[1].text, Not(HasSubstr("after")));
}

TEST(RunChild, StopsAProgramThatTakesTooLongOrPrintsTooMuch) {
    const auto slow = run_child({"sleep", "60"}, "/", {.time_ms_max = 50});
    EXPECT_EQ(slow.error().code, ErrorCode::kCancelled);
    const auto loud = run_child({"yes"}, "/", {.output_bytes_max = 10'000});
    EXPECT_EQ(loud.error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run_child({"no-such-program"}, "/", {}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(run_child({"sh", "-c", "kill -9 $$"}, "/", {})->exit_code, 128 + 9);
    EXPECT_EQ(run_child({"env"}, "/", {})->text, "PATH=/usr/bin:/bin\nLC_ALL=C.UTF-8\n");
}

TEST(UnpackGzip, RefusesDamageAndBombs) {
    const std::string bomb = packed(std::string(10'000'000, 'a'));
    EXPECT_EQ(unpack_gzip(bomb, 1'000'000).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(unpack_gzip(bomb, 10'000'000)->size(), 10'000'000U);
    EXPECT_EQ(unpack_gzip(bomb.substr(0, 100), 1'000'000'000).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(unpack_gzip("\x1f\x8b", 100).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(*unpack_gzip("plain", 100), "plain");
    EXPECT_EQ(unpack_gzip("plain", 4).error().code, ErrorCode::kTooLarge);
}

TEST(ManRedirectTarget, ReadsOnlyAPageThatIsNothingElse) {
    EXPECT_EQ(man_redirect_target(".so man3/printf.3\n"), "man3/printf.3");
    EXPECT_EQ(man_redirect_target("'\\\" t\n.\\\" x\n\n.so man3/printf.3 \r\n"), "man3/printf.3");
    EXPECT_EQ(man_redirect_target(".TH A 1\n.so man3/printf.3\n"), "");
    EXPECT_EQ(man_redirect_target(".so "), "");
}

constexpr std::string_view kRendered =
    "Text before.\nNAME\n     ls, dir – list\n     things\n\n     second – paragraph\nSYNOPSIS\n     ls "
    "[-a]\n\nAuthor\n     Jo\n";

TEST(ManSections, AreHeadingsWithTheTextBelow) {
    const auto sections = man_sections(kRendered);
    std::string all;
    for (const auto& section : sections) {
        all += section.whole;
    }
    EXPECT_EQ(all, kRendered);
    EXPECT_EQ(man_section_body(kRendered, "synopsis"), "     ls [-a]\n\n");
    EXPECT_EQ(man_section_body(kRendered, "OPTIONS"), "");
    EXPECT_THAT(without_sections(kRendered, {"AUTHOR", "NAME"}), "Text before.\nSYNOPSIS\n     ls [-a]\n\n");
    EXPECT_THAT(man_sections(""), IsEmpty());
}

TEST(ManName, ReadsTheFirstParagraph) {
    const auto name = man_name(kRendered);
    EXPECT_THAT(name.names, ElementsAre("ls", "dir"));
    EXPECT_EQ(name.description, "list things");
    EXPECT_THAT(man_name("NAME\n   nothing here\n").names, IsEmpty());
    EXPECT_THAT(man_name("").names, IsEmpty());
}

TEST(WithoutManFrame, TakesTheFirstAndLastLine) {
    EXPECT_EQ(without_man_frame("\nLS(1)   LS(1)\n\nNAME\n  x\n\nend   LS(1)\n\n"), "\n\nNAME\n  x\n\n");
    EXPECT_EQ(without_man_frame("only\n"), "");
    EXPECT_EQ(without_man_frame(""), "");
}

Record record_of(std::string text, std::string section = "1") {
    return {
        .id = "man/ls." + section,
        .text = std::move(text),
        .source = Json::object({{"kind", "manpage"}}),
        .meta = Json::object({{"name", "ls"}, {"section", section}}),
    };
}

TEST(ManPairs, AskForNameAndSynopsis) {
    DropLog dropped(5);
    const auto pairs = man_pairs(record_of(std::string(kRendered)), {}, dropped);
    ASSERT_EQ(pairs.size(), 1U);  // "ls [-a]" is too short an answer.
    EXPECT_EQ(pairs[0].id, "man/ls.1#name");
    EXPECT_THAT(pairs[0].question, HasSubstr("`ls`"));
    EXPECT_EQ(pairs[0].answer, "ls - list things");
    EXPECT_EQ(pairs[0].page, "ls(1)");
    EXPECT_EQ(pairs[0].record, "man/ls.1");
    EXPECT_EQ(dropped.count("no_answer"), 1U);
    const auto call =
        man_pairs(record_of("NAME\n  ls - list\nSYNOPSIS\n  int  ls(\n     int a);\n", "3"), {}, dropped);
    ASSERT_EQ(call.size(), 2U);
    EXPECT_THAT(call[1].question, HasSubstr("`ls(3)`"));
    EXPECT_EQ(call[1].answer, "int ls( int a);");
}

TEST(ManPairs, AreTheSameForTheSameSeedAndVaryBetweenPages) {
    DropLog dropped(5);
    std::set<std::string> forms;
    for (int i = 0; i < 40; ++i) {
        Record record = record_of(std::string(kRendered));
        record.id += std::to_string(i);
        const auto pairs = man_pairs(record, {}, dropped);
        EXPECT_EQ(man_pairs(record, {}, dropped)[0].question, pairs[0].question);
        forms.insert(pairs[0].question);
    }
    EXPECT_EQ(forms.size(), 4U);
}

TEST(ManPairs, AreMadeOfManualPagesOnly) {
    DropLog dropped(5);
    Record record = record_of(std::string(kRendered));
    record.source = Json::object({{"kind", "file"}});
    EXPECT_THAT(man_pairs(record, {}, dropped), IsEmpty());
    EXPECT_THAT(man_pairs(record_of("NAME\n  none\n"), {}, dropped), IsEmpty());
    EXPECT_EQ(dropped.count("no_name_section"), 1U);
    const std::string long_one = "NAME\n  ls - " + std::string(1000, 'x') + "\n";
    EXPECT_THAT(man_pairs(record_of(long_one), {}, dropped), IsEmpty());
    EXPECT_EQ(dropped.count("answer_too_long"), 1U);
}

}  // namespace
}  // namespace capstan::corpus
