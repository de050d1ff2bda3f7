// Orders texts and numbers for `sort`. Texts are compared by UTF-16 units, like in JavaScript. Where
// Go's byte order shows in an answer, use `compareText` of go-dialect.

/** Compares two values for ascending order: negative, 0 or positive. */
export function ascending<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
