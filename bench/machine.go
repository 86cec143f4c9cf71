package bench

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Machine is what a measurement depends on. Strings are empty and numbers zero
// where the system does not tell.
type Machine struct {
	CPU        string   `json:"cpu"`
	Cores      int      `json:"cores"`
	Caches     []string `json:"caches"` // as "L2 2048K ×1", level by level, for one core
	MemoryGiB  float64  `json:"memory_gib"`
	OS         string   `json:"os"`
	Arch       string   `json:"arch"`
	Go         string   `json:"go"`
	GOAMD64    string   `json:"goamd64,omitempty"`
	GOMAXPROCS int      `json:"gomaxprocs"`
}

// ThisMachine returns the record of the machine that the program runs on.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), GOMAXPROCS: runtime.GOMAXPROCS(0)}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kib, err := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		m.MemoryGiB = kib / (1 << 20)
	}
	m.Caches = caches("/sys/devices/system/cpu/cpu0/cache")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "GOAMD64" {
				m.GOAMD64 = s.Value
			}
		}
	}
	return m
}

// field returns the value of the first line "name : value" of a file.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// caches reads the data caches of one core from the files of Linux.
func caches(dir string) (out []string) {
	indices, _ := filepath.Glob(filepath.Join(dir, "index*"))
	for _, index := range indices {
		read := func(name string) string {
			text, _ := os.ReadFile(filepath.Join(index, name))
			return strings.TrimSpace(string(text))
		}
		if kind := read("type"); kind == "" || kind == "Instruction" {
			continue
		}
		out = append(out, "L"+read("level")+" "+read("size"))
	}
	return out
}
