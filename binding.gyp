{
  "variables": {
    "bpf_objects": "<(module_root_dir)/build/bpf",
    "bpf_sources": [
      "bpf/build.sh",
      "<!@(ls bpf/*.h bpf/*.c)"
    ]
  },
  "targets": [
    {
      "target_name": "bpf_objects",
      "type": "none",
      "actions": [
        {
          "action_name": "probe",
          "inputs": ["<@(bpf_sources)"],
          "outputs": ["<(bpf_objects)/rmwatch.bpf.o", "<(bpf_objects)/rmwatch.bpf.o.h"],
          "action": ["bpf/build.sh", "rmwatch.bpf.c", "<(bpf_objects)/rmwatch.bpf.o"]
        },
        {
          "action_name": "probe_loop",
          "inputs": ["<@(bpf_sources)"],
          "outputs": ["<(bpf_objects)/rmwatch.loop.bpf.o", "<(bpf_objects)/rmwatch.loop.bpf.o.h"],
          "action": ["bpf/build.sh", "rmwatch.bpf.c", "<(bpf_objects)/rmwatch.loop.bpf.o", "-DRMWATCH_BPF_LOOP"]
        },
        {
          "action_name": "probe_direct",
          "inputs": ["<@(bpf_sources)"],
          "outputs": ["<(bpf_objects)/rmwatch.direct.bpf.o", "<(bpf_objects)/rmwatch.direct.bpf.o.h"],
          "action": ["bpf/build.sh", "rmwatch.bpf.c", "<(bpf_objects)/rmwatch.direct.bpf.o", "-DRMWATCH_BPF_LOOP", "-DRMWATCH_DIRECT_LOADS"]
        },
        {
          "action_name": "mount_listing",
          "inputs": ["<@(bpf_sources)"],
          "outputs": ["<(bpf_objects)/mount_listing.bpf.o", "<(bpf_objects)/mount_listing.bpf.o.h"],
          "action": ["bpf/build.sh", "mount_listing.bpf.c", "<(bpf_objects)/mount_listing.bpf.o"]
        }
      ]
    },
    {
      "target_name": "rmwatch",
      "dependencies": [
        "bpf_objects",
        "<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"
      ],
      "sources": ["<!@(ls native/*.cc)"],
      "include_dirs": ["<(bpf_objects)"],
      "defines": [
        "NAPI_VERSION=8",
        "_FORTIFY_SOURCE=2",
        "RMWATCH_PROBE_OBJECT=\"<(bpf_objects)/rmwatch.bpf.o\"",
        "RMWATCH_PROBE_LOOP_OBJECT=\"<(bpf_objects)/rmwatch.loop.bpf.o\"",
        "RMWATCH_MOUNT_LISTING_OBJECT=\"<(bpf_objects)/mount_listing.bpf.o\"",
        "RMWATCH_PROBE_DIRECT_OBJECT=\"<(bpf_objects)/rmwatch.direct.bpf.o\""
      ],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-cast-function-type"],
      "cflags": ["-fvisibility=hidden", "-fstack-protector-strong"],
      "libraries": ["-lbpf"],
      # Old dtags: the libraries beside the addon have to find one another there, too.
      "ldflags": [
        "-Wl,-z,origin,-z,relro,-z,now",
        "-Wl,-rpath,'$$ORIGIN/lib'",
        "-Wl,--disable-new-dtags",
        "-static-libstdc++",
        "-static-libgcc",
        "-Wl,--exclude-libs,ALL"
      ]
    }
  ]
}
