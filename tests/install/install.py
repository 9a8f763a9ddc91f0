"""What a user of the libraries gets: the tree is installed, and programs of others are built on it and run."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import fabric

BUILD = pathlib.Path(os.environ["TIARA_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = SOURCE / "tests" / "install"


def checked(*arguments, **more):
    done = fabric.run(*arguments, timeout=300, **more)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Installed(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="tiara-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.prefix = cls.place / "prefix"
        checked("cmake", "--install", BUILD, "--component", "sdk", "--prefix", cls.prefix)
        # Moved once, so that nothing may remember where it was installed.
        cls.prefix = cls.prefix.rename(cls.place / "moved")
        cls.lib = next(cls.prefix.rglob("libtiara.so")).parent

    def build(self, how, *options, **more):
        out = self.place / how
        checked("cmake", "-G", "Ninja", "-S", HERE / "consumer", "-B", out, f"-DHOW={how}", *options, **more)
        checked("cmake", "--build", out)
        return out / "consumer"

    def linked(self, program):
        return "libtiara.so" in checked("readelf", "-d", program)

    def expect_answer(self, program, **more):
        subject = self.place / "subject"
        subject.write_text("nobody knows this file")
        output = checked(program, self.fabric.admin, subject, **more)
        self.assertEqual(output, "version 0.1.0\n1 0\n3 0\n")

    def test_find_package_shared(self):
        program = self.build("shared", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertTrue(self.linked(program))
        self.expect_answer(program)

    def test_find_package_static(self):
        program = self.build("static", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertFalse(self.linked(program))
        self.expect_answer(program)

    def test_pkg_config(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.lib / "pkgconfig"))
        program = self.build("pkg-config", env=environment)
        self.assertTrue(self.linked(program))
        self.expect_answer(program, env=dict(os.environ, LD_LIBRARY_PATH=str(self.lib)))

    def test_unknown_component_is_refused(self):
        done = fabric.run("cmake", "-G", "Ninja", "-S", HERE / "consumer", "-B", self.place / "unknown",
                          "-DHOW=sharde", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no component sharde; its components are shared and static", " ".join(done.stderr.split()))

    def test_add_subdirectory_leaves_the_parent_alone(self):
        out = self.place / "parent"
        checked("cmake", "-G", "Ninja", "-S", HERE / "parent", "-B", out, f"-DTIARA_SOURCE={SOURCE}")
        # Its own source finds the headers; the libraries themselves are compiled by every other test.
        targets = checked("ninja", "-C", out, "-t", "targets", "all")
        mine = re.search(r"^(CMakeFiles/consumer\.dir/\S+\.o):", targets, re.MULTILINE).group(1)
        checked("ninja", "-C", out, mine)
        # Its link has all that ours needs, though the parent looked for none of it.
        link = checked("ninja", "-C", out, "-t", "commands", "consumer").splitlines()[-1]
        for needed in ("tiara/src/sdk/libtiara_sdk.a", "tiara/src/base/libtiara_base.a", "libssl", "libfmt", "libspdlog",
                       "libsimdjson", "libwslay"):
            self.assertIn(needed, link)
        self.assertNotIn("::", link)

    def test_shared_library_exports_dxl_and_tie_only(self):
        library = self.lib / "libtiara.so"
        ours = re.compile(r"((typeinfo|typeinfo name|vtable) for )?(dxl|tie)::")
        names = [line.split(" ", 2)[2] for line in
                 checked("nm", "-DC", "--defined-only", library).splitlines()]
        self.assertEqual([name for name in names if not ours.match(name)], [])
        for wanted in ("dxl::Client::connect(", "dxl::ClientConfig::load(", "tie::hash_file(",
                       "tie::Client::get_file_reputation(",
                       "dxl::ClientConfigFile::save("):
            self.assertTrue(any(name.startswith(wanted) for name in names), wanted)
        # What no public header shows stays inside, though its namespace is the same.
        shown = "".join(path.read_text() for path in (self.prefix / "include").rglob("*.hpp"))
        for name in names:
            outermost = re.search(r"(?:dxl|tie)::(\w+)", name).group(1)
            self.assertRegex(shown, rf"\b{outermost}\b", name)

    def test_shared_library_has_its_soname_and_needs_what_is_documented(self):
        dynamic = checked("readelf", "-d", self.lib / "libtiara.so")
        self.assertIn("[libtiara.so.0.1]", dynamic)
        needed = set(re.findall(r"NEEDED.*\[lib([a-zA-Z]+)", dynamic))
        # curl is for the program, Boost is headers.
        self.assertEqual({name for name in needed if name.startswith(("curl", "boost", "rocksdb"))}, set())
        self.assertTrue((self.lib / "libtiara.so.0.1.0").is_file())

    def test_public_headers_stand_alone(self):
        headers = sorted((self.prefix / "include").rglob("*.hpp"))
        self.assertEqual({path.parent.name for path in headers}, {"dxl", "tie"})
        for header in headers:
            text = header.read_text()
            with self.subTest(header.name):
                foreign = [name for name in re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', text)
                           if "/" in name and not name.startswith(("dxl/", "tie/", "tl/"))]
                self.assertEqual(foreign, [])
                # Without the mark the shared library would not export what the header declares.
                self.assertEqual(text.count("#pragma GCC visibility push(default)"), 1)
                self.assertEqual(text.count("#pragma GCC visibility pop"), 1)
        everything = self.place / "all.cpp"
        for header in headers:
            everything.write_text(f"#include <{header.relative_to(self.prefix / 'include')}>\n")
            checked("g++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                    "-I", self.prefix / "include", everything)

    def test_licence_is_there(self):
        self.assertTrue(list(self.prefix.rglob("LICENSE")))


if __name__ == "__main__":
    unittest.main()
