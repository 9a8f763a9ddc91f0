#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tie/reputation.hpp"

namespace tie {
namespace {

void put16(std::string& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<char>(value & 0xFFU);
  bytes[at + 1] = static_cast<char>(value >> 8 & 0xFFU);
}

// MZ header, PE header at 128, and of that the two fields that matter.
std::string pe(unsigned characteristics, unsigned subsystem) {
  std::string head(512, '\0');
  head.replace(0, 2, "MZ");
  put16(head, 60, 128);
  head.replace(128, 2, "PE");
  put16(head, 128 + 22, characteristics);
  put16(head, 128 + 92, subsystem);
  return head;
}

std::string mz_with(std::string_view second_header) {
  std::string head(256, '\0');
  head.replace(0, 2, "MZ");
  put16(head, 60, 128);
  head.replace(128, second_header.size(), second_header);
  return head;
}

// Local headers with stored content; `streamed` leaves the sizes to a descriptor behind the data.
std::string zip(std::initializer_list<std::string_view> names, bool streamed = false) {
  std::string archive;
  for (const std::string_view name : names) {
    std::string header(30, '\0');
    header.replace(0, 4, std::string_view("PK\3\4", 4));
    put16(header, 6, streamed ? 8 : 0);
    put16(header, 18, streamed ? 0 : 7);
    put16(header, 26, static_cast<unsigned>(name.size()));
    archive += header;
    archive += name;
    archive += "content";
  }
  return archive;
}

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text + std::string(16, '\0');
}

constexpr unsigned kExecutable = 0x0022, kLibrary = 0x2022, kSystem = 0x1022;
constexpr unsigned kNative = 1, kGui = 2, kConsole = 3;

struct Case {
  std::string head;
  std::string name;
  FileType type;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    EXPECT_EQ(to_string(detect_file_type(c.head, c.name)), to_string(c.type)) << c.name;
}

TEST(DetectFileType, TellsWindowsFilesByTheirPeHeader) {
  expect_all({
      {pe(kExecutable, kGui), "a.exe", FileType::kPeexe},
      {pe(kExecutable, kConsole), "renamed.txt", FileType::kPeexe},
      {pe(kLibrary, kGui), "a.dll", FileType::kDll},
      {pe(kLibrary, kConsole), "a.exe", FileType::kDll},
      {pe(kExecutable, kNative), "driver", FileType::kSys},
      {pe(kLibrary, kNative), "C:\\drivers\\a.SYS", FileType::kSys},
      {pe(kSystem, kGui), "a", FileType::kSys},
      {pe(kExecutable, kNative), "smss.exe", FileType::kPeexe},
      {pe(0, kGui), "a.obj", FileType::kPe},
      {mz_with("LE"), "a.vxd", FileType::kVxd},
      {mz_with("NE"), "a.exe", FileType::kExe},
      {"MZ", "a.exe", FileType::kExe},
      {pe(kLibrary, kGui).substr(0, 100), "a.dll", FileType::kDll},
      {pe(kLibrary, kGui).substr(0, 100), "a.exe", FileType::kExe},
  });
}

TEST(DetectFileType, TellsOtherProgramsByTheirMagic) {
  expect_all({
      {bytes({0x7F, 'E', 'L', 'F'}), "ls", FileType::kElf},
      {bytes({0xFE, 0xED, 0xFA, 0xCE}), "a", FileType::kMacho},
      {bytes({0xCF, 0xFA, 0xED, 0xFE}), "a", FileType::kMacho},
      {bytes({0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 2}), "fat", FileType::kMacho},
      {bytes({0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 45}), "Old.class", FileType::kClass},
      {bytes({0xCA, 0xFE, 0xBA, 0xBE, 0, 3, 0, 45}), "Old.class", FileType::kClass},
      {bytes({0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 61}), "A.class", FileType::kClass},
      {bytes({0xCA, 0xFE, 0xBA, 0xBF, 0, 0, 0, 1}), "fat64", FileType::kMacho},
      {bytes({0xB8, 0, 0x4C, 0xCD, 0x21}), "a.com", FileType::kCom},
  });
}

TEST(DetectFileType, TellsPackagesFromPlainArchives) {
  expect_all({
      {zip({"a.txt", "b.txt"}), "a.zip", FileType::kZip},
      {zip({"META-INF/", "META-INF/MANIFEST.MF", "A.class"}), "a.bin", FileType::kJar},
      {zip({"A.class", "META-INF/MANIFEST.MF"}, true), "a.zip", FileType::kJar},
      {zip({"a.txt"}), "a.jar", FileType::kJar},
      {zip({"mimetype", "META-INF/container.xml"}), "a.epub", FileType::kZip},
      {zip({"META-INF/MANIFEST.MF", "AndroidManifest.xml"}), "a", FileType::kApk},
      {zip({"META-INF/MANIFEST.MF"}), "a.apk", FileType::kApk},
      {zip({"[Content_Types].xml", "word/document.xml"}), "a", FileType::kOoxmlPk},
      {zip({"a.txt"}), "report.DOCX", FileType::kOoxmlPk},
      {bytes({'P', 'K', 5, 6}), "empty.zip", FileType::kZip},
      {zip({"a.txt"}).substr(0, 10), "cut.zip", FileType::kZip},
      {"MSCF" + std::string(8, '\0'), "a.cab", FileType::kCab},
      {"Rar!\x1A\x07" + std::string(2, '\0'), "a.rar", FileType::kRar},
      {bytes({0x1F, 0x8B, 8}), "a.gz", FileType::kNone},
  });
}

TEST(DetectFileType, TellsDocumentsPicturesAndMedia) {
  expect_all({
      {bytes({0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}), "a.doc", FileType::kOle},
      {"%PDF-1.7\n", "a.pdf", FileType::kPdf},
      {"{\\rtf1\\ansi", "a.doc", FileType::kRtf},
      {bytes({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}), "a", FileType::kPic},
      {bytes({0xFF, 0xD8, 0xFF, 0xE0}), "a.jpg", FileType::kPic},
      {"GIF89a" + bytes({1}), "a.gif", FileType::kPic},
      {"BM" + std::string(20, '\0'), "a.bmp", FileType::kPic},
      {"RIFF1234WEBP", "a", FileType::kPic},
      {"RIFF1234WAVE", "a", FileType::kMmedia},
      {"RIFF1234AVI ", "a", FileType::kMmedia},
      {bytes({0, 0, 0, 24, 'f', 't', 'y', 'p'}), "a.mp4", FileType::kMmedia},
      {"ID3" + bytes({4}), "a", FileType::kMmedia},
      {bytes({0xFF, 0xFB, 0x90, 0x64}), "a.mp3", FileType::kMmedia},
      {"OggS" + bytes({0}), "a", FileType::kMmedia},
      {bytes({0x1A, 0x45, 0xDF, 0xA3}), "a.mkv", FileType::kMmedia},
  });
}

TEST(DetectFileType, TellsTextByNameAndFirstWords) {
  expect_all({
      {"#!/bin/sh\n", "run", FileType::kScript},
      {"\xEF\xBB\xBF#!/usr/bin/python3\n", "run.py", FileType::kScript},
      {"var a = 1;", "a.js", FileType::kJs},
      {"Dim a", "a.VBS", FileType::kVbs},
      {"@echo off", "a.bat", FileType::kBat},
      {"<html><hta:application>", "a.hta", FileType::kHta},
      {"Write-Host", "a.ps1", FileType::kScript},
      {"[InternetShortcut]\r\nURL=https://example.org/", "a", FileType::kUrl},
      {"\xEF\xBB\xBF\r\n <!DOCTYPE HTML>", "a", FileType::kHtml},
      {"<HTML>", "a.txt", FileType::kHtml},
      {"BMW is a car", "a.txt", FileType::kText},
      {"hello\tworld\r\n", "a.txt", FileType::kText},
      {"caf\xC3\xA9", "a", FileType::kText},
      {std::string("\xFF\xFEh\0i\0", 6), "utf16", FileType::kText},
  });
}

TEST(DetectFileType, SaysNothingWhenNothingFits) {
  expect_all({
      {"", "", FileType::kNone},
      {"", "a.txt", FileType::kNone},
      {std::string("a\0b", 3), "a.txt", FileType::kNone},
      {std::string(64, '\0'), "a.js", FileType::kNone},
  });
}

TEST(DetectFileType, SurvivesEveryCutAndEveryDamagedByte) {
  const std::string samples[] = {pe(kExecutable, kGui),
                                 zip({"META-INF/", "META-INF/MANIFEST.MF", "[Content_Types].xml"}),
                                 zip({"a", "b"}, true), bytes({0xCA, 0xFE, 0xBA, 0xBE})};
  for (const std::string& sample : samples) {
    for (std::size_t size = 0; size <= sample.size(); ++size)
      detect_file_type(std::string(sample, 0, size), "a.exe");
    for (std::size_t i = 0; i < sample.size(); ++i) {
      std::string damaged = sample;
      damaged[i] = static_cast<char>(0xFF);
      detect_file_type(damaged, "");
    }
  }
}

}  // namespace
}  // namespace tie
