// `skald man`: prints the manual as a page for man(1).

export const manUsage = `skald man

Prints the manual. To read it, run skald man | man -l -. To keep it:

  skald man > /usr/local/share/man/man1/skald.1
`

/**
 * Returns the manual in the macros of man(7).
 *
 * @param overview The help text of skald itself.
 * @param usages The help text of each command.
 */
export function manPage(
  overview: string,
  usages: ReadonlyMap<string, string>,
  version: string,
): string {
  return [
    `.TH SKALD 1 "" "skald ${roffText(version)}" "Skald"`,
    '.SH NAME',
    'skald \\- a log pipeline: an agent, a store, and commands that ask it',
    '.SH SYNOPSIS',
    '.B skald',
    '.I COMMAND',
    '[options]',
    '.SH DESCRIPTION',
    ...asWritten(overview),
    ...[...usages].flatMap(([name, usage]) => [
      `.SH "SKALD ${name.toUpperCase()}"`,
      ...asWritten(usage),
    ]),
    '.SH "EXIT STATUS"',
    '0 if the command did what it was asked, 1 if it could not, 2 if the command line or a path is wrong.',
    '',
  ].join('\n')
}

/** Text whose lines stay as they are. */
function asWritten(text: string): string[] {
  return ['.nf', ...text.trimEnd().split('\n').map(roffText), '.fi']
}

function roffText(line: string): string {
  const escaped = line.replaceAll('\\', '\\e').replaceAll('-', '\\-')
  // A dot or an apostrophe at the start of a line is a macro.
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped
}
