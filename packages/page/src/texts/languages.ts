// The languages of the page. Each has one file, and all have the same texts.

import type { Language } from '../state/settings.ts'
import { en, type Texts } from './en.ts'
import { ko } from './ko.ts'

/** Returns the texts of a language. */
export function textsOf(language: Language): Texts {
  return language === 'ko' ? ko : en
}
