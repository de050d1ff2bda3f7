// The order of texts and numbers for `sort`. Texts go by UTF-16 units, which is what JavaScript compares; where Go's
// order of bytes shows in an answer, go-dialect has `compareText`.

/** Compares for an order that ascends: negative, 0 or positive. */
export function ascending<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
