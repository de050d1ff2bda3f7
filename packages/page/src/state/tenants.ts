// The tenants that somebody asks for: a name, or several as the store takes them, `a|b`.

/** Returns each name once; none if the text is empty. */
export function tenantsIn(text: string): readonly string[] {
  return [...new Set(text.split('|').filter(name => name !== ''))]
}
