package schema

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// pattern is a regular expression for whole texts of ASCII as a table: what follows each state on each kind of byte.
// Most patterns are such (ids, amounts, names), and most texts.
type pattern struct {
	kinds  [utf8.RuneSelf]uint8 // bytes of one kind are alike to the expression
	width  int                  // how many kinds there are
	next   []uint8              // states, by state*width + kind; noState where the text can't match any more
	accept []bool               // by state: a text may end there
}

const (
	noState    = 0
	firstState = 1
	maxStates  = 256
)

// match reports whether the text matches; known is false where the text is not ASCII, and the table can't tell.
func (p *pattern) match(text []byte) (matches, known bool) {
	state := uint8(firstState)
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false, false
		}
		state = p.next[int(state)*p.width+int(p.kinds[b])]
	}
	return p.accept[state], true
}

// newPattern returns nil for an expression that does not stand for whole texts, looks at word boundaries or lines, or has
// too many states.
func newPattern(expression string) *pattern {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || program.StartCond()&syntax.EmptyBeginText == 0 {
		return nil
	}
	p := &pattern{}
	examples, ok := p.sort(program)
	if !ok {
		return nil
	}
	b := patternBuilder{program: program, numbers: map[string]uint8{"": noState}, states: [][]uint32{nil}}
	b.number(b.reach([]uint32{uint32(program.Start)}, syntax.EmptyBeginText))
	for state := 0; ; state++ {
		switch {
		case state == len(b.states):
			return p
		case len(b.states) > maxStates || !b.wholeTexts(state):
			return nil
		}
		for _, example := range examples {
			p.next = append(p.next, b.number(b.after(state, example)))
		}
		p.accept = append(p.accept, b.ends(state))
	}
}

// sort finds the kinds of bytes and returns one byte of each.
func (p *pattern) sort(program *syntax.Prog) (examples []rune, ok bool) {
	var starts [utf8.RuneSelf + 1]bool // of ranges that something tells from what is before
	cut := func(low, high rune) {
		starts[min(low, utf8.RuneSelf)] = true
		starts[min(high+1, utf8.RuneSelf)] = true
	}
	for _, i := range program.Inst {
		switch i.Op {
		case syntax.InstRuneAnyNotNL:
			cut('\n', '\n')
		case syntax.InstRune1:
			cut(i.Rune[0], i.Rune[0])
		case syntax.InstRune:
			if syntax.Flags(i.Arg)&syntax.FoldCase != 0 || len(i.Rune)%2 != 0 {
				return nil, false
			}
			for pair := range slices.Chunk(i.Rune, 2) {
				cut(pair[0], pair[1])
			}
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return nil, false
			}
		}
	}
	for b := range rune(utf8.RuneSelf) {
		if b == 0 || starts[b] {
			examples = append(examples, b)
		}
		p.kinds[b] = uint8(len(examples) - 1)
	}
	p.width = len(examples)
	return examples, true
}

// patternBuilder makes one state of each set of instructions that a text can lead to.
type patternBuilder struct {
	program *syntax.Prog
	numbers map[string]uint8
	states  [][]uint32
}

// number is the state of a set of instructions.
func (b *patternBuilder) number(set []uint32) uint8 {
	key := make([]byte, 0, 4*len(set))
	for _, pc := range set {
		key = append(key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	n, known := b.numbers[string(key)]
	if !known {
		n = uint8(len(b.states))
		b.numbers[string(key)] = n
		b.states = append(b.states, set)
	}
	return n
}

// reach adds what the instructions lead to without a byte, where the conditions hold, in order.
func (b *patternBuilder) reach(from []uint32, conditions syntax.EmptyOp) []uint32 {
	var set []uint32
	for todo := slices.Clone(from); len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if slices.Contains(set, pc) {
			continue
		}
		set = append(set, pc)
		switch i := b.program.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^conditions == 0 {
				todo = append(todo, i.Out)
			}
		}
	}
	slices.Sort(set)
	return set
}

// after is where a byte leads to.
func (b *patternBuilder) after(state int, r rune) []uint32 {
	var out []uint32
	for _, pc := range b.states[state] {
		switch i := b.program.Inst[pc]; i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i.MatchRune(r) {
				out = append(out, i.Out)
			}
		}
	}
	return b.reach(out, 0)
}

// wholeTexts reports whether nothing matches in the state but at the text's end.
func (b *patternBuilder) wholeTexts(state int) bool { return !b.matches(b.states[state]) }

// ends reports whether a text may end in the state.
func (b *patternBuilder) ends(state int) bool {
	conditions := syntax.EmptyEndText
	if state == firstState {
		conditions |= syntax.EmptyBeginText
	}
	return b.matches(b.reach(b.states[state], conditions))
}

func (b *patternBuilder) matches(set []uint32) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return b.program.Inst[pc].Op == syntax.InstMatch })
}
