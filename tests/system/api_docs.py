"""The site of the client libraries: Doxygen has nothing to complain about, and it complains about what is wrong."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def api_docs(tree, out):
    return subprocess.run([tree / "scripts" / "api-docs", out], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120)


class ApiDocs(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tiara-api-"))
        self.addCleanup(shutil.rmtree, self.place)

    def test_builds_without_a_warning(self):
        done = api_docs(SOURCE, self.place)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        html = self.place / "html"
        client = (html / "classdxl_1_1Client.html").read_text()
        self.assertIn("Blocks until connected and subscribed", client)
        tour = (html / "tour.html").read_text()
        # Each \snippet has become code.
        asked = (SOURCE / "docs" / "api" / "tour.md").read_text().count("\n\\snippet ")
        self.assertGreaterEqual(asked, 10)
        self.assertEqual(tour.count('<div class="fragment">'), asked)
        for page in ("threads.html", "from_python.html", "index.html"):
            self.assertTrue((html / page).is_file(), page)

    def test_names_of_ours_in_the_pages_exist(self):
        """Doxygen does not look into code spans."""
        headers = "".join(path.read_text() for path in (SOURCE / "include").rglob("*.hpp"))
        for page in (SOURCE / "docs" / "api").glob("*.md"):
            for name in re.findall(r"`(?:dxl|tie)::([\w:]+)", page.read_text()):
                for part in name.split("::"):
                    with self.subTest(f"{page.name}: {name}"):
                        self.assertRegex(headers, rf"\b{part}\b")

    def test_a_wrong_page_is_an_error(self):
        tree = self.place / "tree"
        tree.mkdir()
        for part in ("include", "docs/api", "samples", "scripts"):
            shutil.copytree(SOURCE / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(SOURCE / "CMakeLists.txt", tree)
        tour = tree / "docs" / "api" / "tour.md"
        tour.write_text(tour.read_text() + "\n\\snippet start.cpp no_such_piece\n")
        done = api_docs(tree, self.place / "out")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no_such_piece", done.stderr)


if __name__ == "__main__":
    unittest.main()
