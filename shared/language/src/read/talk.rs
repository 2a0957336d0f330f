//! Small talk: greetings, thanks, yes and no; and what is about no task at all.

use super::{Intent, Reader, Reading};

/// What is said as a whole sentence, without marks and in lower case; bars separate the sentences.
const HELP: &str = "help|help me|commands|what can you do|what can i say|what can i ask|how does this work|how do you work|what do you do|\
    what do you understand|who are you|what are you|how can you help|how can you help me";
const GREETINGS: &str = "hi|hello|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|morning|greetings|howdy|\
    hi taskflow|hello taskflow|hey taskflow|how are you|what's up";
const THANKS: &str = "thanks|thank you|thx|ty|cheers|thanks a lot|thank you very much|thanks so much|many thanks|great|great thanks|perfect|\
    nice|cool|awesome|well done|good job|ok thanks|okay thanks";
const YES: &str = "yes|y|yep|yeah|yup|sure|ok|okay|do it|go ahead|confirm|confirmed|yes please|please do|yes do it|yes go ahead|of course|\
    absolutely|right|correct|yes delete it|yes delete them|yes all|yes all of them|all of them|sure go ahead|ok do it";
const NO: &str = "no|n|nope|nah|cancel|stop|never mind|nevermind|forget it|don't|do not|don't do it|no thanks|no thank you|no don't|no stop|\
    no cancel|abort|no way|leave it|keep it|keep them";
const TAGS: &str = "tags|my tags|all tags|list tags|list my tags|list all tags|show tags|show my tags|show all tags|show me my tags|\
    show me the tags|show me all tags|which tags are there|what tags are there|what tags do i have|which tags do i have";
const UNDO: &str = "undo|undo that";

impl Reader<'_> {
    /// What is said as a whole; anything more is about tasks.
    pub(super) fn small_talk(self, _: usize) -> Option<Reading> {
        let said = self.plain(0..self.words.len());
        let is = |sentences: &str| sentences.split('|').any(|sentence| sentence == said);
        if said.is_empty() {
            return Some(self.wordless());
        }
        if is(UNDO) {
            return Some(Reading::unclear("What was done stays done. A completed task is opened again by \u{201c}reopen 12\u{201d}."));
        }
        let meanings = [
            (HELP, Intent::Help),
            (GREETINGS, Intent::Greeting),
            (THANKS, Intent::Thanks),
            (YES, Intent::Yes),
            (NO, Intent::No),
            (TAGS, Intent::ListTags),
        ];
        meanings.into_iter().find(|(sentences, _)| is(sentences)).map(|(_, intent)| Reading::of(intent))
    }

    /// A lone question mark asks for help.
    fn wordless(self) -> Reading {
        if self.words.iter().any(|word| word.is("?")) {
            return Reading::of(Intent::Help);
        }
        Reading::unclear("That says nothing. Try \u{201c}what is due today?\u{201d} or \u{201c}help\u{201d}.")
    }
}
