// Package door holds the tests of a team's way in: a project that is made from nothing, outside of the repository, builds, has
// green tests, starts, and answers.
package door
