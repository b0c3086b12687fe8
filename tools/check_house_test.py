#!/usr/bin/env python3
"""The house check finds each kind of breach, and nothing in a clean tree. Run: python3 tools/check_house_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).with_name("check_house.py")
FLOORS = """base base
low engine corpus
platform platform
app app
> platform sql http
@ soci platform/sql *_store.cc
"""
HEADER = "#pragma once\n\n// Purpose.\n"


class CheckHouse(unittest.TestCase):
    def found(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "src"
            for name, text in {"FLOORS": FLOORS, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            run = subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)
            self.assertEqual(run.returncode, 1 if run.stdout else 0, run.stderr)
            return run.stdout

    def test_passes_a_clean_tree(self):
        self.assertEqual(self.found(**{"engine/a.h": HEADER + '#include "base/x.h"\n'}), "")

    def test_finds_an_include_upwards(self):
        self.assertIn("may not use app", self.found(**{"engine/a.cc": '#include "app/x.h"\n'}))

    def test_finds_an_include_sideways(self):
        self.assertIn("may not use corpus", self.found(**{"engine/a.cc": '#include "corpus/x.h"\n'}))

    def test_finds_a_link_upwards(self):
        cmake = "capability(engine USES capstan_base PRIVATE_USES capstan_platform)\n"
        self.assertIn("may not use platform", self.found(**{"engine/CMakeLists.txt": cmake}))

    def test_finds_a_link_sideways_by_target_link_libraries(self):
        cmake = "target_link_libraries(capstan_engine PRIVATE capstan_corpus)\n"
        self.assertIn("may not use corpus", self.found(**{"engine/CMakeLists.txt": cmake}))

    def test_finds_a_room_that_is_on_no_floor(self):
        for name, text in {"notes/CMakeLists.txt": "capability(notes USES capstan_base)\n", "notes/a.cc": "int x;\n"}.items():
            self.assertIn("room 'notes' is not in FLOORS", self.found(**{name: text}))

    def test_finds_a_part_above_its_place(self):
        source = '#include "platform/http/x.h"\n'
        self.assertIn("platform/sql may not use", self.found(**{"platform/sql/a.cc": source}))

    def test_finds_a_library_past_its_door(self):
        source = "#include <soci/soci.h>\n"
        self.assertIn("let in only by", self.found(**{"engine/a.cc": source}))
        self.assertEqual("", self.found(**{"engine/a_store.cc": source}))

    def test_finds_a_readme_that_is_no_markdown(self):
        found = self.found(**{"engine/README.md": "#engine\n\n##Nouns\n", "corpus/README.md": "# corpus\n\n## Nouns\n"})
        self.assertIn("opens with '# engine'", found)
        self.assertIn("README.md:3: a heading has a blank", found)
        self.assertNotIn("corpus", found)

    def test_finds_a_long_file_a_bare_header_a_print_and_a_leftover(self):
        self.assertIn("at most 400", self.found(**{"base/a.cc": "int x;\n" * 401}))
        self.assertIn("opens with", self.found(**{"base/a.h": "#pragma once\nint x;\n"}))
        self.assertIn("print", self.found(**{"engine/a.cc": 'void f() { printf("x"); }\n'}))
        self.assertIn("leftover", self.found(**{"engine/a.cc": "// " + "TO" + "DO later\n"}))


if __name__ == "__main__":
    unittest.main()
