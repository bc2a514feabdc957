// Writes down each kernel and copy that a process starts on the GPU, by CUPTI: of processes that no profiler starts, such as a JVM, and of kernels within CUDA graphs.
// The driver loads this library into a process whose CUDA_INJECTION64_PATH names it (CUPTI's documentation, "CUPTI activity API").
//
//     g++ -std=c++17 -O2 -shared -fPIC -I FOLDER_OF_CUPTI_H bench/kernel_trace.cpp -ldl -o libkernel_trace.so
//
// TUNEBOOK_TRACE names the file that is written, TUNEBOOK_CUPTI the libcupti.so of the process's CUDA. A line is: start and end in nanoseconds, the card, name.
// Knows nothing of steps; bench/gpu_kernels.py reads the lines.
#include <cupti.h>
#include <dlfcn.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <mutex>

namespace {

constexpr size_t ROOM = 8 << 20;  // of one buffer, in bytes

FILE* lines;
std::mutex writing;
decltype(&cuptiActivityGetNextRecord) next_record;
decltype(&cuptiActivityFlushAll) flush;

void line(uint64_t start, uint64_t end, uint32_t card, const char* name) {
  fprintf(lines, "%" PRIu64 " %" PRIu64 " %" PRIu32 " %s\n", start, end, card, name);
}

void CUPTIAPI give(uint8_t** buffer, size_t* size, size_t* most_records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(64, ROOM));
  *size = *buffer ? ROOM : 0;
  *most_records = 0;
}

void CUPTIAPI take(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t filled) {
  std::lock_guard<std::mutex> one(writing);
  CUpti_Activity* record = nullptr;
  while (next_record(buffer, filled, &record) == CUPTI_SUCCESS) {
    switch (record->kind) {
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        auto* kernel = reinterpret_cast<CUpti_ActivityKernel9*>(record);  // later versions begin with the same fields
        line(kernel->start, kernel->end, kernel->deviceId, kernel->name ? kernel->name : "unnamed");
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY: {
        auto* copy = reinterpret_cast<CUpti_ActivityMemcpy5*>(record);
        line(copy->start, copy->end, copy->deviceId, "[copy]");
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY2: {
        auto* copy = reinterpret_cast<CUpti_ActivityMemcpyPtoP4*>(record);
        line(copy->start, copy->end, copy->deviceId, "[copy from card to card]");
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: {
        auto* set = reinterpret_cast<CUpti_ActivityMemset4*>(record);
        line(set->start, set->end, set->deviceId, "[set]");
        break;
      }
      default:
        break;
    }
  }
  std::free(buffer);
}

void finish() {
  flush(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  std::fflush(lines);
}

template <typename F>
F function(void* library, const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

}  // namespace

extern "C" int InitializeInjection() {
  const char* to = std::getenv("TUNEBOOK_TRACE");
  const char* from = std::getenv("TUNEBOOK_CUPTI");
  void* cupti = from ? dlopen(from, RTLD_NOW | RTLD_GLOBAL) : nullptr;
  lines = cupti && to ? std::fopen(to, "w") : nullptr;
  if (!lines) {
    std::fprintf(stderr, "no kernel is written down: TUNEBOOK_CUPTI must name libcupti.so, and TUNEBOOK_TRACE a file\n");
    return 1;
  }
  next_record = function<decltype(next_record)>(cupti, "cuptiActivityGetNextRecord");
  flush = function<decltype(flush)>(cupti, "cuptiActivityFlushAll");
  auto enable = function<decltype(&cuptiActivityEnable)>(cupti, "cuptiActivityEnable");
  function<decltype(&cuptiActivityRegisterCallbacks)>(cupti, "cuptiActivityRegisterCallbacks")(give, take);
  for (auto kind : {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMCPY2, CUPTI_ACTIVITY_KIND_MEMSET}) {
    if (enable(kind) != CUPTI_SUCCESS) std::fprintf(stderr, "CUPTI refuses activities of kind %d\n", kind);
  }
  std::atexit(finish);
  return 1;
}
