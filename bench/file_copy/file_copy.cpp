#include "bench/file_copy/file_copy.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "bench/file_copy/copy_path.hpp"
#include "bench/file_copy/file_io.hpp"
#include "bench/file_copy/files.hpp"
#include "bench/file_copy/ring_channel.hpp"
#include "bench/file_copy/sha256.hpp"
#include "bench/floors/state.hpp"
#include "bench/harness/interruption.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {
namespace {

constexpr double kSlowestBytesPerSecond =
    20e6;                                       // for the deadline: a busy machine, both on one CPU
constexpr double kUsualBytesPerSecond = 800e6;  // for the time left: a copy and its SHA-256

enum class Kind : std::uint8_t {
  ring,
  kernels,
  alone,  // one process copies: it waits for no other, wherever that is
};

struct Transport {
  const char* name;
  Kind kind;
  Result<CopySides> (*open)(const CopyJob&);
};

constexpr std::array kTransports{
    Transport{"ringbell", Kind::ring, ring_sides},
    Transport{"ringbell_uring", Kind::ring, uring_sides},
    Transport{"pipe", Kind::kernels, pipe_sides},
    Transport{"pipe_1m", Kind::kernels, large_pipe_sides},
    Transport{"splice", Kind::kernels, splice_sides},
    Transport{"sendfile", Kind::alone, sendfile_sides},
    Transport{"copy_file_range", Kind::alone, copy_file_range_sides},
    Transport{"unix_stream", Kind::kernels, unix_stream_sides},
    Transport{"posix_mq", Kind::kernels, posix_mq_sides},
    Transport{"sysv_mq", Kind::kernels, sysv_mq_sides},
};

struct Setting {
  Transport transport;
  Placement placement;
  bool spins;
  bool quick_wake;

  [[nodiscard]] const char* wait() const noexcept {
    if (transport.kind == Kind::ring) return spins ? "spin" : "park";
    return spins ? "polled" : "blocking";
  }
};

struct Source {
  SourceFile file;
  Sha256 digest;
};

struct Copied {
  CopyFigures figures;
  std::string note;
  bool counted;  // its copies
  bool is_true;  // SHA-256 of both files agree
};

Result<Source> prepare_source(const FileCopyOptions& options) {
  Result<SourceFile> file =
      options.file.empty()
          ? assemble_source(options.folder, options.assembled_bytes, options.keep_assembled)
          : open_source(options.file);
  if (!file) return tl::unexpected(file.error());
  // If there is no room for a copy, say so before an hour of hashing.
  const Result<FileDescriptor> room = create_destination(options.folder, file->file_bytes);
  if (!room) return tl::unexpected(room.error());
  // Reading all of it also brings it into the page cache.
  const Result<Sha256> digest = sha256_of_file(file->file.get(), file->file_bytes);
  if (!digest) return tl::unexpected(digest.error());
  return Source{std::move(*file), *digest};
}

// Takes as much page cache as a copy does and gives it back. A hypervisor takes memory away that
// has been free for a while, and getting it again takes longer than a copy: without this, the
// first row after rows that use no files paid for it.
Result<void> warm_page_cache(const FileCopyOptions& options, const Source& source) {
  const std::uint64_t file_bytes = source.file.file_bytes;
  const Result<FileDescriptor> file = create_destination(options.folder, file_bytes);
  if (!file) return tl::unexpected(file.error());
  std::vector<std::byte> chunk(kFileChunkBytes);
  for (std::uint64_t offset = 0; offset < file_bytes;) {
    if (interruption::came()) return interruption::error();
    const std::span<std::byte> wanted =
        std::span(chunk).first(chunk_at(offset, file_bytes, chunk.size()));
    const Result<std::size_t> got = read_at(source.file.file.get(), wanted, offset);
    if (!got) return tl::unexpected(got.error());
    const Result<void> written = write_at(file->get(), wanted.first(*got), offset);
    if (!written) return written;
    offset += *got;
  }
  return {};
}

// One copy; the destination is gone when this returns.
Result<Copied> copy_once(const Setting& setting, const FileCopyOptions& options,
                         const Source& source) {
  const Result<void> warm = warm_page_cache(options, source);
  if (!warm) return tl::unexpected(warm.error());
  const Result<FileDescriptor> destination =
      create_destination(options.folder, source.file.file_bytes);
  if (!destination) return tl::unexpected(destination.error());
  const CopyJob job{source.file.file.get(), destination->get(), source.file.file_bytes,
                    setting.spins};
  const Result<CopySides> sides = setting.transport.open(job);
  if (!sides) return tl::unexpected(sides.error());
  const Result<Shared<CopyFigures>> figures = Shared<CopyFigures>::create();
  if (!figures) return tl::unexpected(figures.error());
  CopyFigures& shared = **figures;

  PairOptions pair;
  pair.placement = setting.placement;
  pair.cpus = options.cpus;
  pair.quick_wake = setting.quick_wake;
  pair.deadline += std::chrono::seconds(
      static_cast<long>(static_cast<double>(job.file_bytes) / kSlowestBytesPerSecond));
  const auto run = [&shared](const CopySide& side, SideFigures& side_figures) {
    CopyMeter meter(shared.sides_ready, side_figures);
    return side(meter);
  };
  const Result<void> ran = run_pair(
      pair, [&] { return run(sides->reads, shared.reads); },
      [&] { return run(sides->writes, shared.writes); });
  if (!ran) return tl::unexpected(ran.error());

  const Result<Sha256> digest = sha256_of_file(destination->get(), job.file_bytes);
  if (!digest) return tl::unexpected(digest.error());
  return Copied{shared, sides->note, sides->counted, *digest == source.digest};
}

// The run of the median time, or the first whose copy differs.
Result<Copied> copy_median(const Setting& setting, const FileCopyOptions& options,
                           const Source& source) {
  std::vector<Copied> runs;
  for (int run = 0; run < std::max(options.runs, 1); ++run) {
    Result<Copied> copied = copy_once(setting, options, source);
    if (!copied || !copied->is_true) return copied;
    runs.push_back(std::move(*copied));
  }
  const auto middle = runs.begin() + static_cast<std::ptrdiff_t>((runs.size() - 1) / 2);
  std::nth_element(runs.begin(), middle, runs.end(), [](const Copied& a, const Copied& b) {
    return a.figures.elapsed_ns() < b.figures.elapsed_ns();
  });
  return *middle;
}

// Bytes that came out wrong fail the run; what cannot run does not.
Result<void> verdict_on(const Result<Copied>& copied, const Setting& setting,
                        const Source& source) {
  if (!copied && copied.error().code == ErrorCode::corrupt) return tl::unexpected(copied.error());
  if (!copied || copied->is_true) return {};
  return fail(ErrorCode::corrupt,
              fmt::format("the copy of {} through {} differs from it (SHA-256); unless it was "
                          "written to meanwhile, that is a bug of this program",
                          source.file.path, setting.transport.name));
}

Row row_of(const Setting& setting, const FileCopyOptions& options, const Source& source) {
  Row row{{"bench", "file_copy"},
          {"transport", setting.transport.name},
          {"wait", setting.wait()},
          {"placement", name_of(setting.placement)},
          {"file_bytes", source.file.file_bytes},
          {"repeat", options.repeat}};
  if (!setting.spins) row["quick_wake"] = setting.quick_wake;
  return row;
}

void add_figures(const Copied& copied, const FileCopyOptions& options, Row& row) {
  const CopyFigures& figures = copied.figures;
  const auto file_bytes = row["file_bytes"].get<double>();
  const auto copied_bytes = static_cast<double>(figures.kernel_bytes() + figures.wrapper_bytes());
  const double seconds = static_cast<double>(figures.elapsed_ns()) / 1e9;
  if (copied.counted) {
    row["kernel_copied_bytes"] = figures.kernel_bytes();
    row["wrapper_copied_bytes"] = figures.wrapper_bytes();
    row["copies_per_byte"] = copied_bytes / file_bytes;
  }
  row["seconds"] = seconds;
  row["bytes_per_s"] = file_bytes / seconds;
  row["sha256_match"] = copied.is_true;
  row["runs"] = options.runs;
  row["note"] = fmt::format(
      "{}{}source in the page cache; destination a new file of reserved size on "
      "the disk's file system, not yet written back",
      copied.note, copied.note.empty() ? "" : "; ");
}

Result<std::vector<Setting>> settings_of(const FileCopyOptions& options) {
  const std::vector<std::string>& known = file_copy_transports();
  for (const std::string& name : options.transports) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("no transport {} for files; there are {}", name, fmt::join(known, ", ")));
    }
  }
  std::vector<Setting> settings;
  for (const Placement placement : options.placements) {
    for (const Transport& transport : kTransports) {
      const auto& wanted = options.transports;
      if (!wanted.empty() &&
          std::find(wanted.begin(), wanted.end(), transport.name) == wanted.end()) {
        continue;
      }
      const bool alone = transport.kind == Kind::alone;
      if (options.spinning_rows && placement == Placement::two_cpus && !alone) {
        settings.push_back({transport, placement, true, false});
      }
      for (const bool quick_wake : options.quick_wakes) {
        settings.push_back({transport, placement, false, quick_wake});
      }
    }
  }
  return settings;
}

}  // namespace

const std::vector<std::string>& file_copy_transports() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    all.reserve(std::size(kTransports));
    for (const Transport& transport : kTransports) all.emplace_back(transport.name);
    return all;
  }();
  return names;
}

double estimated_seconds(const FileCopyOptions& options) {
  std::error_code none;
  const std::uint64_t bytes = options.file.empty() ? options.assembled_bytes
                                                   : std::filesystem::file_size(options.file, none);
  const Result<std::vector<Setting>> settings = settings_of(options);
  const auto rows = static_cast<double>(settings ? settings->size() : 0);
  return (rows * options.runs + 1) * static_cast<double>(bytes) / kUsualBytesPerSecond;
}

Result<void> measure_file_copies(const FileCopyOptions& options, RowSink& sink) {
  const Result<std::vector<Setting>> settings = settings_of(options);
  if (!settings) return tl::unexpected(settings.error());
  sink.announce("file to copy",
                static_cast<double>(options.assembled_bytes) / kUsualBytesPerSecond);
  const Result<Source> source = prepare_source(options);
  if (!source) return tl::unexpected(source.error());
  const double seconds_a_row =
      options.runs * static_cast<double>(source->file.file_bytes) / kUsualBytesPerSecond;

  Result<void> verified;
  for (const Setting& setting : *settings) {
    sink.announce(fmt::format("file to file, {}, {}, {}", setting.transport.name, setting.wait(),
                              name_of(setting.placement)),
                  seconds_a_row);
    Row row = row_of(setting, options, *source);
    Result<Copied> copied = fail(ErrorCode::system, "not copied");
    const Result<void> measured =
        add_in_one_state(setting.placement, options.cpus, row, [&](Row& figures) -> Result<void> {
          copied = copy_median(setting, options, *source);
          if (!copied) return tl::unexpected(copied.error());
          add_figures(*copied, options, figures);
          return {};
        });
    if (!measured && ends_the_run(measured.error())) return measured;
    // What one transport cannot do leaves the others their rows.
    if (!measured) row["error"] = measured.error().message;
    if (verified) verified = verdict_on(copied, setting, *source);
    sink.add(std::move(row));
    if (!sink.written()) return sink.written();
  }
  return verified;
}

}  // namespace ringbell::bench
