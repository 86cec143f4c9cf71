package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells on standard error what is going on: a rewritten line on a
// terminal; otherwise a line when a phase begins and one every ten seconds.
type progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	begin    time.Time

	mu    sync.Mutex
	last  time.Time
	width int
}

// newProgress returns a progress for w; quiet makes it silent.
func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{w: w, every: 10 * time.Second, begin: time.Now()}
	if quiet {
		p.w = nil
	} else if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, p.every = true, 100*time.Millisecond
	}
	return p
}

// phase begins a new phase: it is shown at once.
func (p *progress) phase(format string, args ...any) { p.show(true, format, args...) }

// update is shown when enough time has passed.
func (p *progress) update(format string, args ...any) { p.show(false, format, args...) }

func (p *progress) show(now bool, format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !now && time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf("%6.1f s  %s", time.Since(p.begin).Seconds(), fmt.Sprintf(format, args...))
	if p.terminal {
		fmt.Fprintf(p.w, "\r%-*s", p.width, text)
		p.width = len(text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// warn prints a line that stays.
func (p *progress) warn(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, "warning: "+format+"\n", args...)
}

// end removes the rewritten line.
func (p *progress) end() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.terminal && p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
