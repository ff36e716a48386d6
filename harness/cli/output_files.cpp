#include "harness/cli/output_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
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

// What is no file of a disk (/dev/stdout, a named pipe) is written to, never replaced.
bool is_replaceable(const std::filesystem::path& path) {
  const std::string place = path.lexically_normal().string();
  if (place.starts_with("/dev/") || place.starts_with("/proc/")) return false;
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  return status.type() == std::filesystem::file_type::not_found ||
         std::filesystem::is_regular_file(status);
}

int write_file(const std::filesystem::path& path, std::string_view content) {
  // Opened anew, a redirected output would have two ends.
  if (path == "/dev/stdout") return write_all(STDOUT_FILENO, content);
  constexpr mode_t mode = 0666;  // less the umask
  const int how = is_replaceable(path) ? O_CREAT | O_TRUNC : O_APPEND;
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | how, mode);
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
  // A link stays one: what it points to is replaced.
  std::error_code error;
  if (is_replaceable(path) && std::filesystem::is_symlink(path, error)) {
    const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
    if (!error) path = target;
  }
  files_.emplace_back(std::move(path), std::move(content));
}

std::optional<std::string> OutputFiles::write() const {
  std::fflush(stdout);  // one of the files may be /dev/stdout
  std::optional<std::string> problem;
  for (const auto& [path, content] : files_) {
    std::error_code error;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    if (!is_replaceable(path)) continue;
    const int code = error ? error.value() : write_file(partial(path), content);
    if (code != 0) {
      problem = failure(path, code);
      break;
    }
  }
  for (const auto& [path, content] : files_) {
    std::error_code error;
    if (!is_replaceable(path)) {
      const int code = problem ? 0 : write_file(path, content);
      if (code != 0) problem = failure(path, code);
      continue;
    }
    if (!problem) {
      std::filesystem::rename(partial(path), path, error);
      if (error) problem = failure(path, error.value());
    }
    if (problem) std::filesystem::remove(partial(path), error);
  }
  return problem;
}

}  // namespace predrill::harness
