package runtime

import "testing"

// What is guessed wrong for a while is not guessed any more, but for one attempt in many, of one alone: as many as are in
// flight would be wrong at the same time. One that is right begins anew.
func TestGuessesStopAndBeginAnew(t *testing.T) {
	t.Parallel()
	var g guesses
	const kind = "a kind"
	for n := range boldest {
		if !g.may(kind) {
			t.Fatalf("it stops after %d wrong ones", n)
		}
		g.wrong(kind)
	}
	guessed := func(times int) (guessed int) {
		for range times {
			if g.may(kind) { // what comes of it is not known yet
				guessed++
			}
		}
		return guessed
	}
	if n := guessed(tryAgain + tryAgain/2); n != 1 {
		t.Errorf("%d in %d are guessed, not 1", n, tryAgain+tryAgain/2)
	}
	if other := "another kind"; !g.may(other) {
		t.Error("another kind is not guessed any more")
	}
	g.right(kind)
	if n := guessed(tryAgain); n != tryAgain {
		t.Errorf("%d of %d are guessed after a right one", n, tryAgain)
	}
}
