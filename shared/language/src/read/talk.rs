//! Small talk: greetings, thanks, yes and no; and what is about no task at all.

use super::{Intent, Reader, Reading};

/// What is said as a whole sentence, without marks and in lower case; bars separate the sentences.
const HELP: &str = "help|help me|commands|what can you do|what can i say|what can i ask|how does this work|how do you work|what do you do|\
    what do you understand|who are you|what are you|how can you help|how can you help me";
const GREETINGS: &str = "hi|hello|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|morning|greetings|howdy|\
    hi taskflow|hello taskflow|hey taskflow|how are you|what's up|good night|good day|bye|goodbye|see you|see you later|see you tomorrow";
const THANKS: &str = "thanks|thank you|thx|ty|cheers|thanks a lot|thank you very much|thanks so much|many thanks|great|great thanks|\
    perfect|\
    nice|cool|awesome|well done|good job|ok thanks|okay thanks";
const YES: &str = "yes|y|yep|yeah|yup|sure|ok|okay|do it|go ahead|confirm|confirmed|yes please|please do|yes do it|yes go ahead|of course|\
    absolutely|right|correct|yes delete it|yes delete them|yes all|yes all of them|all of them|sure go ahead|ok do it";
const NO: &str = "no|n|nope|nah|cancel|stop|never mind|nevermind|forget it|don't|do not|don't do it|no thanks|no thank you|no don't|no \
    stop|\
    no cancel|abort|no way|leave it|keep it|keep them";
/// How longer answers begin.
const YES_AND: &str = "yes delete|yes do|yes go|yes complete|yes remove|yes , delete|yes , do|yes , go|yes , complete|yes , remove";
/// How they go on: anything else asks for something of its own.
const YES_REST: &str = "it|them|all|these|those|the|tasks|task|that|this|everything|of|please|ahead|so|,|.|!";
const NO_AND: &str =
    "no don't|no do not|no stop|no keep|no leave|no wait|no , don't|no , do not|no , stop|no , keep|no , leave|no , wait|don't delete";
/// Words of an answer, at most.
const ANSWER_MAX: usize = 8;
const TAGS: &str = "tags|my tags|all tags|list tags|list my tags|list all tags|show tags|show my tags|show all tags|show me my tags|\
    show me the tags|show me all tags|which tags are there|what tags are there|what tags do i have|which tags do i have";
const UNDO: &str = "undo|undo that";

impl Reader<'_> {
    /// What is said as a whole; anything more is about tasks.
    pub(super) fn small_talk(self, from: usize) -> Option<Reading> {
        let said = self.plain(0..self.words.len());
        let asked = self.plain(from..self.words.len());
        let is = |sentences: &str| sentences.split('|').any(|sentence| sentence == said || sentence == asked);
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
        let agrees = self.after(0, YES_AND).is_some_and(|end| (end..self.words.len()).all(|at| self.skip(at, YES_REST) > at));
        if agrees && self.is_short() {
            return Some(Reading::of(Intent::Yes));
        }
        if self.after(0, NO_AND).is_some() && self.is_short() {
            return Some(Reading::of(Intent::No));
        }
        meanings.into_iter().find(|(sentences, _)| is(sentences)).map(|(_, intent)| Reading::of(intent))
    }

    /// Whether it can be an answer: no task is named in it.
    fn is_short(&self) -> bool {
        let has_figures = self.words.iter().any(|word| word.lower.contains(|c: char| c.is_ascii_digit()));
        self.words.len() <= ANSWER_MAX && !has_figures
    }

    /// A lone question mark asks for help.
    fn wordless(self) -> Reading {
        if self.words.iter().any(|word| word.is("?")) {
            return Reading::of(Intent::Help);
        }
        Reading::unclear("That says nothing. Try \u{201c}what is due today?\u{201d} or \u{201c}help\u{201d}.")
    }
}
