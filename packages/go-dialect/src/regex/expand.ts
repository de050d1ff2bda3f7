// Replacement templates like Go's Regexp.Expand: $1, ${1}, $name, ${name}, $$.

/** Looks up a group by number or name. Returns `undefined` if it does not exist or did not match. */
export type GroupLookup = (name: string) => string | undefined

const reference = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu

/**
 * Fills a template. `$name` takes all letters, digits and underscores that follow. A group that does not
 * exist is empty. A dollar sign that begins no reference is literal.
 */
export function expandGoTemplate(template: string, lookUp: GroupLookup): string {
  if (!template.includes('$')) return template
  return template.replace(reference, (text, braced?: string, plain?: string) => {
    if (text === '$$') return '$'
    return lookUp((braced ?? plain)!) ?? ''
  })
}
