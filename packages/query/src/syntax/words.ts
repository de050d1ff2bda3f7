// The words of the language: those of the grammar, and those of the tables.

import { rangeDefinitions } from '../aggregation/range-table.ts'
import { vectorDefinitions } from '../aggregation/vector-table.ts'
import { stageDefinitions } from '../stages/stage-table.ts'
import type { Words } from '../tokens/lexer.ts'

const grammar =
  'by without bool label_replace offset on ignoring group_left group_right or and unless unwrap'

export const words: Words = {
  functions: new Set([
    ...rangeDefinitions.map(({ op }) => op),
    ...vectorDefinitions.map(({ op }) => op),
    'vector',
    'ip',
  ]),
  keywords: new Set([
    ...grammar.split(' '),
    ...stageDefinitions.flatMap(({ begins }) => begins.filter(word => /^[a-z_]+$/.test(word))),
  ]),
}
