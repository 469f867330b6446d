/* env.json: version, build, processor, memory, libraries and system, read from where they are known. */
#include "report/environment.h"

#include "athanor_config.h"
#include "base/clock.h"
#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* PRETTY_NAME of os-release, without its quotes. */
static void read_system_name(char *text, size_t capacity) {
    char  line[256];
    FILE *file = fopen("/etc/os-release", "r");
    text[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "PRETTY_NAME=", 12) != 0) continue;
        char *value = line + 12;
        value += *value == '"';
        value[strcspn(value, "\"\n")] = '\0';
        ath__str_copy(text, capacity, value);
        break;
    }
    if (file) fclose(file);
}

void ath__environment_read(int threads, struct ath__environment *e) {
    const struct ath__cpuinfo *cpu = ath__cpuinfo();
    *e =
        (struct ath__environment){.processors = cpu->processors, .threads = threads, .memory_bytes = cpu->memory_bytes};
    ath__str_copy(e->version, sizeof e->version, ATHANOR_VERSION);
    ath__str_copy(e->revision, sizeof e->revision, ATHANOR_REVISION);
    ath__str_copy(e->compiler, sizeof e->compiler, ATHANOR_COMPILER);
    ath__str_copy(e->build, sizeof e->build, ATHANOR_BUILD_TYPE);
    ath__str_copy(e->processor, sizeof e->processor, cpu->name);
    ath__str_copy(e->tier, sizeof e->tier, ath__cpu_tier_name(cpu->tier));
    const dnnl_version_t *dnnl = dnnl_version();
    if (dnnl) snprintf(e->onednn, sizeof e->onednn, "%d.%d.%d", dnnl->major, dnnl->minor, dnnl->patch);
    struct utsname name;
    char           pretty[96];
    read_system_name(pretty, sizeof pretty);
    if (uname(&name) == 0) {
        snprintf(e->system, sizeof e->system, "%s%s%.24s %.32s%s", pretty, *pretty ? " (" : "", name.sysname,
                 name.release, *pretty ? ")" : "");
        ath__str_copy(e->host_type, sizeof e->host_type, name.machine);
    }
    ath__timestamp(e->time, sizeof e->time);
}

ath_status ath__environment_write(const char *path, const struct ath__environment *e, ath_error *err) {
    json_t *o = json_object();
    json_object_set_new(o, "version", json_string(e->version));
    json_object_set_new(o, "revision", json_string(e->revision));
    json_object_set_new(o, "compiler", json_string(e->compiler));
    json_object_set_new(o, "build", json_string(e->build));
    json_object_set_new(o, "processor", json_string(e->processor));
    json_object_set_new(o, "tier", json_string(e->tier));
    json_object_set_new(o, "processors", json_integer(e->processors));
    json_object_set_new(o, "threads", json_integer(e->threads));
    json_object_set_new(o, "memory_mib", json_integer((json_int_t)(e->memory_bytes >> 20)));
    json_object_set_new(o, "onednn", json_string(e->onednn));
    json_object_set_new(o, "system", json_string(e->system));
    json_object_set_new(o, "machine", json_string(e->host_type));
    json_object_set_new(o, "time", json_string(e->time));
    char *text = ath__json_text(o, JSON_INDENT(2));
    json_decref(o);
    if (!text) return ath__fail_memory(err, path);
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the NUL, which is not written */
    ath_status status = ath__file_write(path, text, size + 1, err);
    ath__free(text);
    return status;
}
