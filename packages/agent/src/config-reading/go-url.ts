// What Go's `url.Parse` refuses of a URL that the WHATWG's rules, which node follows, let pass or repair.

/** Tells whether Go takes a URL: no blank before it, no control character, no `%` without two digits. */
export function isGoUrl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return !/[\u0000-\u001f\u007f]|^ |%(?![\da-fA-F]{2})/.test(text)
}
