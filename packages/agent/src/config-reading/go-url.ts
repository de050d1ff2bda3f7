// URLs that Go's `url.Parse` rejects but Node's WHATWG parser accepts or repairs.

/**
 * Returns true if Go accepts the URL: no leading blank, no control character, no `%` without two hex
 * digits.
 */
export function isGoUrl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern looks for control characters.
  return !/[\u0000-\u001f\u007f]|^ |%(?![\da-fA-F]{2})/.test(text)
}
