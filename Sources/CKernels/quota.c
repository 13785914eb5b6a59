#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A container is given processor time, not processors: so many microseconds in each period, by a
// control group or by any group around it. A process that runs more threads than that is stopped for
// the rest of the period.

enum { longest = 4096 };

static double least(double a, double b) { return b <= 0 || (a > 0 && a < b) ? a : b; }

static int first_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  int found = fgets(line, size, file) != NULL;
  fclose(file);
  return found;
}

// Version 2: "max 100000" or "150000 100000".
static double unified_quota(const char *group) {
  char path[longest + 16], line[128];
  snprintf(path, sizeof path, "%s/cpu.max", group);
  double quota, period;
  if (!first_line(path, line, sizeof line) || sscanf(line, "%lf %lf", &quota, &period) != 2) return 0;
  return period > 0 ? quota / period : 0;
}

// Version 1: a quota of -1 means none.
static double separate_quota(const char *group) {
  char path[longest + 32], line[128];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
  if (!first_line(path, line, sizeof line)) return 0;
  double quota = atof(line);
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
  if (!first_line(path, line, sizeof line)) return 0;
  double period = atof(line);
  return quota > 0 && period > 0 ? quota / period : 0;
}

// The least quota of `group`, a path that starts with a slash, and of the groups around it. Inside a
// container the path may be one of the host's, of which only the root is mounted.
static double hierarchy_quota(const char *mount, const char *group, double (*quota)(const char *)) {
  char path[longest];
  int length = snprintf(path, sizeof path, "%s%s", mount, group);
  size_t root = strlen(mount);
  if (length < 0 || (size_t)length >= sizeof path) path[root] = 0;
  double found = 0;
  for (;;) {
    found = least(found, quota(path));
    char *slash = strrchr(path + root, '/');
    if (!slash) return found;
    *slash = 0;
  }
}

// Whether "cpu" is among controllers that are separated by commas.
static int has_processors(const char *controllers) {
  for (const char *name = controllers; *name;) {
    size_t length = strcspn(name, ",");
    if (length == 3 && strncmp(name, "cpu", 3) == 0) return 1;
    name += length + (name[length] == ',');
  }
  return 0;
}

double ck_processor_quota(const char *system) {
  char path[longest], line[longest], mount[longest];
  snprintf(path, sizeof path, "%s/proc/self/cgroup", system);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  double found = 0;
  // A line is "number:controllers:path", without controllers in version 2.
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    controllers++;
    if (!*controllers) {
      snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", system);
      found = least(found, hierarchy_quota(mount, group, unified_quota));
    } else if (has_processors(controllers)) {
      snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/cpu", system);
      found = least(found, hierarchy_quota(mount, group, separate_quota));
    }
  }
  fclose(file);
  return found;
}
