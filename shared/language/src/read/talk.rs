//! Small talk: greetings, thanks, yes and no, and sentences that are not about tasks.

use super::{Intent, Reader, Reading};
use crate::words::WordKind;

/// Whole sentences in lower case without punctuation, separated by bars.
const HELP: &str = "help|help me|commands|what can you do|what else can you do|what can i say|what can i ask|what can i do|what can i do here|\
    what can i do with you|what can this do|what are you able to do|how does this work|how do you work|what do you do|what do you know|\
    what do you understand|what are you for|what is this|what is taskflow|what's taskflow|who are you|what are you|who made you|\
    what is your name|what's your name|do you have a name|tell me about yourself|introduce yourself|tell me what you can do|\
    show me what you can do|how can you help|how can you help me|can you help|can you help me|could you help me|i need help|\
    how do i use this|how do i use you|how do i start|where do i start|how do i begin|are you a robot|are you a bot|are you human|\
    are you a human|are you real|are you an ai|are you intelligent";
const GREETINGS: &str = "hi|hello|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|morning|greetings|howdy|hiya|yo|\
    hi taskflow|hello taskflow|hey taskflow|how are you|how are you doing|how do you do|how is it going|how's it going|how are things|\
    how have you been|how was your day|how is your day|how's your day|what's up|what's new|sup|good night|good day|bye|bye bye|goodbye|\
    see you|see you later|see you soon|see you tomorrow|have a nice day|have a good day|have a great day|nice to meet you|\
    pleased to meet you|are you there|is anybody there|is anyone there|anybody there|anyone there|you there|i am back|i'm back|\
    welcome|welcome back|hallo|moin|servus|guten morgen|guten tag|guten abend|bonjour|salut|hola|ciao|lol|haha|wow|sorry|test|testing";
const THANKS: &str = "thanks|thank you|thx|ty|cheers|many thanks|great|perfect|nice|cool|awesome|excellent|wonderful|fantastic|amazing|\
    brilliant|lovely|well done|good job|great job|good work|great work|nice work|ok thanks|okay thanks|much appreciated|i appreciate it|\
    that's great|that is great|that was great|that's nice|that was helpful|that helped|that's all|that is all|that will be all|\
    you are great|you're great|you are awesome|you're awesome|you are the best|you're the best|you are amazing|you're amazing|\
    you rock|i love you|i like you|good bot|danke|merci|gracias|grazie";
/// Words that may accompany them without a meaning of their own.
const ASIDES: &str = "there|again|taskflow|assistant|bot|my|dear|friend|buddy|mate|world|everyone|everybody|to you|and you|and|you|too|then|\
    today|so much|very much|so|very|really|a lot|a million|a bunch|for|your|the|help|that|this|everything|it|please|now|oh|ah|well|\
    all|i'm fine|i am fine|fine";
const YES: &str = "yes|y|yep|yeah|yup|sure|ok|okay|do it|go ahead|confirm|confirmed|yes please|please do|yes do it|yes go ahead|of course|\
    absolutely|right|correct|yes delete it|yes delete them|yes all|yes all of them|all of them|sure go ahead|ok do it";
const NO: &str = "no|n|nope|nah|cancel|stop|never mind|nevermind|forget it|don't|do not|don't do it|no thanks|no thank you|no don't|no \
    stop|\
    no cancel|abort|no way|leave it|keep it|keep them";
/// Beginnings of longer answers.
const YES_AND: &str = "yes delete|yes do|yes go|yes complete|yes remove|yes , delete|yes , do|yes , go|yes , complete|yes , remove";
/// Their continuations; any other continuation is a request of its own.
const YES_REST: &str = "it|them|all|these|those|the|tasks|task|that|this|everything|of|please|ahead|so|,|.|!";
const NO_AND: &str =
    "no don't|no do not|no stop|no keep|no leave|no wait|no , don't|no , do not|no , stop|no , keep|no , leave|no , wait|don't delete";
/// Maximum words of an answer.
const ANSWER_MAX: usize = 8;
const TAGS: &str = "tags|my tags|all tags|list tags|list my tags|list all tags|show tags|show my tags|show all tags|show me my tags|\
    show me the tags|show me all tags|which tags are there|what tags are there|what tags do i have|which tags do i have";

impl Reader<'_> {
    /// Reads a whole sentence; anything more is about tasks.
    pub(super) fn small_talk(self, from: usize) -> Option<Reading> {
        let said = self.plain(0..self.words.len());
        let asked = self.plain(from..self.words.len());
        let is = |sentences: &str| sentences.split('|').any(|sentence| sentence == said || sentence == asked);
        if said.is_empty() {
            return Some(self.wordless());
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
        let whole = meanings.into_iter().find(|(sentences, _)| is(sentences)).map(|(_, intent)| intent);
        whole.or_else(|| self.several()).map(Reading::of)
    }

    /// "Hello Taskflow, how are you? What can you do?": only small talk. A request takes precedence over thanks and greetings.
    fn several(&self) -> Option<Intent> {
        let (mut at, mut helps, mut thanks, mut greets) = (0, false, false, false);
        while at < self.words.len() {
            if self.words[at].kind == WordKind::Mark {
                at += 1;
                continue;
            }
            let longest = |phrases: &str| phrases.split('|').filter_map(|phrase| self.is(at, phrase)).max().unwrap_or_default();
            let ends = [longest(ASIDES), longest(GREETINGS), longest(THANKS), longest(HELP)];
            let end = ends.into_iter().max().filter(|end| *end > at)?;
            // Words without a meaning of their own do not turn the others into small talk.
            if ends[0] < end {
                (greets, thanks, helps) = (greets || ends[1] == end, thanks || ends[2] == end, helps || ends[3] == end);
            }
            at = end;
        }
        let found = [(helps, Intent::Help), (thanks, Intent::Thanks), (greets, Intent::Greeting)];
        found.into_iter().find_map(|(is, intent)| is.then_some(intent))
    }

    /// True if it can be an answer: it names no task.
    fn is_short(&self) -> bool {
        let has_figures = self.words.iter().any(|word| word.lower.contains(|c: char| c.is_ascii_digit()));
        self.words.len() <= ANSWER_MAX && !has_figures
    }

    /// A question mark alone requests help.
    fn wordless(self) -> Reading {
        if self.words.iter().any(|word| word.is("?")) {
            return Reading::of(Intent::Help);
        }
        Reading::unclear("There is nothing to read. Try \u{201c}what is due today?\u{201d} or \u{201c}help\u{201d}.")
    }
}
