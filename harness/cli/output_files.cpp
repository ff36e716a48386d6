#include "harness/cli/output_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace predrill::harness {

namespace {

std::string failure(const std::filesystem::path& path, int error) {
  return "cannot write " + path.string() + ": " + std::generic_category().message(error);
}

// 0, or errno.
int write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(file) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

int write_file(const std::filesystem::path& path, std::string_view content) {
  constexpr mode_t mode = 0666;  // less the umask
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) return errno;
  const int error = write_all(file, content);
  return ::close(file) == 0 || error != 0 ? error : errno;
}

// Beside its place, so that a move is one step.
std::filesystem::path partial(const std::filesystem::path& path) {
  return path.string() + ".partial-" + std::to_string(::getpid());
}

}  // namespace

void OutputFiles::add(std::filesystem::path path, std::string content) {
  files_.emplace_back(std::move(path), std::move(content));
}

std::optional<std::string> OutputFiles::write() const {
  std::optional<std::string> problem;
  for (const auto& [path, content] : files_) {
    std::error_code error;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    const int code = error ? error.value() : write_file(partial(path), content);
    if (code != 0) {
      problem = failure(path, code);
      break;
    }
  }
  for (const auto& [path, content] : files_) {
    std::error_code error;
    if (!problem) {
      std::filesystem::rename(partial(path), path, error);
      if (error) problem = failure(path, error.value());
    }
    if (problem) std::filesystem::remove(partial(path), error);
  }
  return problem;
}

}  // namespace predrill::harness
