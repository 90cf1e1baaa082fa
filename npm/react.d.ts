import type {ReactElement} from 'react'
import type {Settings} from './index.js'

export function Comments(settings: Settings): ReactElement
