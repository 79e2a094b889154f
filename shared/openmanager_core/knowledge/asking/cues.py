"""What words speak for which kind of question: rows of (intent, weight, pattern), read by `intents`.

English patterns see the words with single spaces, Korean ones see the sentence without any. A weight of 2 and
more is enough alone; a lower one needs something of the fleet (a name, a metric, a word such as "server") beside it.
"""

from __future__ import annotations

_SERVERS = r"(?:servers?|hosts?|machines?|boxes|box|nodes?|instances?|databases?|dbs?|caches?|queues?|apis?|webs?|clusters?|frontends?|backends?|vms?|one|anything|anyone)"
_SICK = (
    r"(?:unhealthy|degraded|critical|in danger|dangerous|at risk|risky|dying|dead|down|broken|sick|sickest|failing|failed|worst|in trouble|struggling"
    r"|overloaded|bad shape|bad|red|on fire|burning|hurting|dodgy|ill|crashed|offline|unresponsive|endangered|problematic|needs? attention|need(?:s|ing)? (?:help|attention|a look))"
)  # fmt: skip
_KO_SICK = (
    r"(?:위험|위태|심각|아픈|아프|죽은|죽어|죽었|다운|비정상|불안|상태(?:가)?(?:안좋|나쁜|이상|별로|메롱|최악)|안좋|맛(?:이)?간|맛탱|나쁜|취약|주의|문제(?:가)?(?:있는|되는|생긴)"
    r"|고장|크리티컬|critical|뻗은|뻗어|터진|병든|경고|임계|장애(?:난|가난|서버|가있는)|골골|헤롱|메롱|응답없는|먹통|빨간불)"
)  # fmt: skip
_KO_THING = r"(?:서버|노드|장비|머신|호스트|인스턴스|놈|애들?|데|곳|거|것|녀석|디비|데이터베이스|캐시|큐|웹|api|클러스터|에피아이)"

ENGLISH: tuple[tuple[str, float, str], ...] = (
    ("overview", 3.9, r"tell (?:my|the|our) (?:boss|manager|team|lead|customers?|colleagues?)|report to (?:my|the) (?:boss|manager|team)|hand ?over"),
    ("overview", 2.8, r"^(?:is|are) (?:the |our |all )?(?:\w+ )?(?:regions?|environments?|zones?|sites?|platform|data ?cent\w+|.{0,12}clusters?) (?:fine|ok|okay|alright|good|stable|up|well|healthy)\b"),
    ("unhealthy", 3.2, r"\b(?:limp(?:s|ing)?|ail(?:s|ing)|wobbl\w+|shak(?:y|ing)|sluggish|stuck|hung|hanging|frozen|stalled|suffer(?:s|ing)?|misfiring)\b(?! together)"),
    ("describe", 3.5, r"\b(?:cores?|cpus|ram|disks|gigs|hardware|os|operating system|version|architecture|size) (?:does|do|has|have|is)\b"),
    ("anomalies", 2.8, r"(?:fell|dropped|dipped|plunged|collapsed|crashed) (?:suddenly|sharply|off)|nosediv\w+|(?:sharp|abrupt) (?:drop|rise|fall|increase|change)"),
    ("capacity", 4.0, r"\b(?:siz(?:ed?|ing)|dimensioned|sized) (?:right|rightly|correctly|properly|well|ok|enough|for)|(?:ready|prepared|fit) for (?:the )?(?:christmas|holidays?|black friday|sale|launch|campaign|event|peak|rush)"),
    ("correlation", 3.9, r"\bwhen (?:the )?[\w/ ]{2,22} (?:goes?|go|moves?|climbs?|falls?|drops?|rises?) ?(?:up|down)?,? (?:do(?:es)?|will) |(?:which|what) (?:\w+ ){0,2}(?:metrics|series|measurements|signals) (?:track|follow|mirror|shadow|mimic|lead|lag)"),
    ("root_cause", 3.8, r"\b(?:set|kick(?:ed)?|touch(?:ed)?|spark(?:ed)?) (?:it |this |that )?off\b|back to (?:its|their|the) (?:source|origin|root|beginning)|to (?:its|their|the) (?:root|source|origin)\b|brought (?:it|this|that) (?:on|about)|(?:what|which) (?:led|leads) to|result of what"),
    ("compare", 4.2, r"\b(?:moved|shifted|happened|altered|improved|worsened|deteriorated) since\b|what(?:'s| is| has)? (?:been )?(?:moved|altered|shifted) (?:since|between)"),
    ("recommend", 5.2, r"how (?:should|shall|do|can|could|must) (?:we|i) (?:respond|react|proceed|act|go on|behave|move forward)|best (?:course|reaction|response|move)"),
    ("servers", 4.4, r"(?:which|what) (?:\w+ )?(?:regions?|zones?|environments?|sites?|locations?|types?|data ?cent\w+)\b.{0,12}\b(?:do we|are we|have|are (?:our|the|there)|exist)|\b(?:split|broken down|break ?down|grouped|distribut\w+|spread|divided) (?:by|of|over|across|among|per)\b"),
    ("servers", 3.4, r"^(?:what(?:'s| is)|who(?:'s| is)) (?:there )?in ?$|^(?:all |our |the )*(?:servers|hosts|machines|nodes|boxes|instances|databases|caches|queues) (?:in|at|of) "),
    ("metrics", 6.2, r"^do (?:you|we) (?:track|measure|record|collect|monitor|watch|store|log) (?!if|whether)"),
    ("help", 6.0, r"(?:what|which|any|list of|show) commands?\b(?: (?:are|do|can|exist|work|does)|\?|$)|what you (?:can|could) (?:do|answer)|how (?:to|do i|can i|should i) (?:ask|query|phrase|word|talk to|speak to) (?:you|this|a question|questions)"),
    ("unknown", 5.0, r"\b(?:rain|raining|snow|snowing|sunny|umbrella)\b"),
    ("overview", 2.4, r"\bfires?\b|data ?cent(?:er|re)|how is life|how (?:are|is) (?:we|it|everything) doing"),
    ("unhealthy", 3.4, r"(?:problem(?:atic)?|bad|weak|troubled|ailing|faulty|flaky|unstable|slow) (?:servers|hosts|nodes|machines|boxes)|fall(?:ing)? over"),
    ("anomalies", 3.0, r"behav(?:e|es|ing|iour|ior)|as (?:it should|expected)|normal(?:ly)?\b"),
    ("patterns", 3.4, r"busiest (?:hours?|time|day)|peak (?:hours?|times?)|quiet(?:est)? (?:hours?|time)|usually|only ever|never (?:goes|comes|drops)|always (?:grows|rises|goes up)|typical(?:ly)?"),
    ("correlation", 3.9, r"go together|explains?\b.{0,30}\bbest|best (?:explains?|predicts?)|related"),
    ("compare", 3.8, r"how did .{2,25} change|after (?:lunch|the (?:change|update|upgrade|patch|migration))"),
    ("recommend", 3.6, r"needs? (?:my|our) attention|do about (?:it|this|that)|list of (?:things|actions)"),
    ("runbook", 4.2, r"(?<!next )\bsteps\b|renewal|\brecovery\b"),
    ("help", 2.5, r"what (?:else )?(?:can|could|do) you (?:do|know|understand|answer)"),
    ("overview", 2.6, r"how (?:did|was|were|has) .{0,25}(?:go|going|been|night|day|shift|weekend|morning)\b|(?:morning|daily|shift|status|nightly|evening) (?:report|briefing|summary|update)|(?:prod\w*|everything|site|system|platform|all) (?:alive|up|healthy|stable|running|working|smooth\w*)|anything i should know|(?:my|the) shift|catch me up|brief me|bring me up to speed|all (?:clear|good|quiet)|any(?:thing)? (?:news|going on)"),
    ("unhealthy", 3.4, r"not (?:healthy|well|ok|okay|fine|responding|working)|(?:what|who|which|anything|something)(?:'s| is| are)? (?:currently )?(?:down|broken|dead|dying|offline|failing|unhealthy|critical|red|degraded|sick|on its knees)\b|low(?:est)? health|health (?:score )?(?:below|under)|about to (?:die|crash|fall over)|(?:servers|hosts|nodes|machines) (?:i|we) should"),
    ("anomalies", 3.2, r"out of line|red flags?|not normal|unlike|differ(?:s|ent(?:ly)?)? from (?:the )?(?:others|rest|peers|usual|normal)|act(?:s|ing)? (?:up|differently)|what (?:jumped|spiked|shot|went up|changed suddenly|moved)|peculiar|alarming|look(?:s|ing)? (?:off|wrong|bad|suspicious)|blip\w*|quirk\w*"),
    ("patterns", 3.4, r"slowly|gradual\w*|more and more|keeps? (?:eating|using|climbing|increasing)|creep\w*|(?:each|every) (?:single )?(?:day|night|week|morning|evening|hour|monday|friday|weekend|month)|rhythm|habit"),
    ("correlation", 3.8, r"(?:what|which) else (?:rises|goes|moves|grows|changes|falls|drops)|connected (?:somehow|to|with)|\blink(?:s)?\b|in common|rises? when|when .{2,25} (?:rises|goes up|grows|increases|drops)|\btied\b|interact\w*|influenc\w*|(?:have|has) (?:anything|something) to do with|move as one|effect of"),
    ("forecast", 3.4, r"(?:days|hours|weeks|time) (?:left|remaining|until|till|before)|at this (?:rate|pace)|by (?:next|the end|tomorrow|monday|friday|sunday|weekend)|how (?:soon|far off)|eventually|exhaust\w*|where will|estimate\w*|expect\w*|anticipat\w*|\beta\b"),
    ("capacity", 3.9, r"(?:how much|any) (?:more|extra|additional) (?:load|traffic|users|requests)|can we (?:take|afford|absorb|lose|drop|sustain|support|serve)|big enough|(?:buy|order|rent|add) (?:more |new |extra )?(?:servers|machines|nodes|hardware|capacity)|lose a (?:zone|node|server|region|rack|machine)|room (?:for|to grow|left)|(?:twice|double|triple|\d+x) the (?:traffic|load|users|requests)|limit(?:s)? of|max(?:imum)? load|saturat\w*|over-?provisioned|right-?siz\w*|shrink"),
    ("root_cause", 3.4, r"what (?:did|does|has done|caused|is doing) (?:it|this|that)|bottleneck\w*|source of|origin of|track down|get to the bottom|what(?:'s| is) (?:making|slowing|killing|eating|hogging|dragging|hurting|responsible|to blame)|blame"),
    ("compare", 3.8, r"(?:busier|worse|better|slower|faster|higher|lower|heavier|different) (?:than|now|today)|what(?:'s| is| has) (?:new|changed)|side by side|increased? since|delta|gone (?:up|down)|change(?:d|s)? (?:between|since|from)|contrast|than before|as usual"),
    ("recommend", 3.4, r"most (?:important|urgent|pressing) thing|got a plan|\b(?:a|the|any) plan\b|get out of|way out|how (?:can|do|could) we (?:get out|stabili[sz]e|calm|recover from this|save)|what can (?:i|we) do|do first|top priorit\w*|call to action|what would you|tell me what to|advice|ideas\?|quick wins?"),
    ("incidents", 4.2, r"post[ -]?mortems?|\bpm for\b|past (?:failures|problems|outages)|outages?\b.{0,20}(?:week|month|today|yesterday|so far|recently|had|list|open)|(?:any|list|show|the|last|past|previous) outages?|\btickets?\b|\backed\b"),
    ("runbook", 4.4, r"how (?:does|do|should|can|would|to|might) (?:one|you|i|we|people|somebody|someone) (?!know|see|doing|look|many|much|use|ask)\w+|what (?:do|should|would|can) (?:you|one|people|i|we) do (?:when|if|about|for|with)|how to\b|checklist|best practice\w*|step by step|\bsop\b|mitigation for|recover(?:y)? from"),
    ("metrics", 4.8, r"which (?:measurements|measures|signals|kpis|counters|metrics) (?:exist|are there|do|can|are available)|(?:measurements|signals|counters) (?:exist|available)"),
    ("help", 5.0, r"what (?:do|should|can|could) i (?:type|say|write|ask|enter)|how do i (?:start|begin|query you|talk)|teach me|getting started|i(?:'m| am) (?:new|lost)"),
    ("servers", 3.0, r"\b(?:count|names?|number) (?:of )?(?:all )?(?:the )?(?:our )?(?:\w+ )?(?:servers|hosts|nodes|machines|instances|clusters)|do we have (?:anything|something|any|servers) in"),
    ("query", 1.8, r"fullest|busiest|least|loaded|heaviest|hottest|biggest consumer|value|number of|right now|at the moment|trend line|time ?series"),
    ("root_cause", 3.2, r"\bwhy\b"),
    ("root_cause", 4.0, r"root[ -]?cause|\brca\b|culprit|to blame|responsible for"),
    ("root_cause", 3.2, r"\bcaus(?:e|es|ed|ing)\b|\breasons?\b|\bfault is\b|whose fault"),
    ("root_cause", 3.2, r"what(?:'s| is| was)? (?:behind|broke|wrong|happened|the (?:problem|issue|matter))|what (?:the \w+ |on earth )?(?:happened)|what (?:triggered|made|led to|went wrong|killed|took)"),
    ("root_cause", 2.6, r"\bdiagnos(?:e|is)\b|troubleshoot|where (?:does|did|do|is).*(?:com(?:e|ing) from|start|begin|originate)|\bexplain\b|figure out|how come"),
    ("root_cause", 1.2, r"\bslow(?:ness|down|er)?\b|trigger"),
    ("unhealthy", 3.4, rf"\b{_SICK}\b.{{0,20}}\b{_SERVERS}\b|\b{_SERVERS}\b.{{0,30}}\b{_SICK}\b"),
    ("unhealthy", 3.0, r"\b(?:sickest|worst|least healthy|most critical)\b|who(?:'s| is) (?:the )?(?:sick|down|worst|in trouble)|worry about|worri(?:ed|some)|trouble ?makers?|should (?:i|we) (?:watch|look at|be concerned)|concern(?:ing|ed)|suffer\w*|weakest|most (?:at risk|endangered)"),
    ("unhealthy", 1.4, rf"\b{_SICK}\b"),
    ("servers", 3.2, rf"how many .{{0,25}}\b{_SERVERS}\b.{{0,10}}(?:do we|are there|have|in|run|exist|$|\?)|number of .{{0,20}}{_SERVERS}|count (?:of )?.{{0,20}}{_SERVERS}"),
    ("servers", 2.6, rf"\b(?:list|enumerate)\b.{{0,25}}\b{_SERVERS}\b|\binventory\b|(?:show|give)(?: me)? (?:all |the |every )*(?:my |our )?(?:\w+ )?(?:servers|hosts|machines|nodes)\b(?! (?:with|above|over|by|that))|how (?:big|large) is|fleet size|what(?:'s| is) (?:in|running in) (?:us|eu|ap|staging|prod|dev)"),
    ("servers", 2.8, rf"(?:what|which) {_SERVERS} (?:are in|belong|do we|are there|exist|run in|live in|we)|belongs? to cluster|members of"),
    ("overview", 2.4, r"sit ?rep|tl;?dr|rundown|\boverview\b|on fire\b|are we (?:green|ok|good|up|fine|healthy)|anything (?:wrong|broken|to worry)|status (?:report|summary|update)|state of|everything (?:ok|okay|fine|good|alright|up)|any(?:thing)? (?:problems?|issues?|trouble)\b|all good|is (?:everything|all) "),
    ("overview", 1.9, r"holding up|how(?:'s| is| are| are the| is the)? (?:the |our |my )?(?:fleet|infra\w*|systems?|prod\w*|things|everything|we|servers|it|environment|staging|platform|cluster)\b|what's up|what's going on|what is going on|health check"),
    ("overview", 1.3, r"\b(?:summary|summari[sz]e|summarise|fleet|overall|infrastructure|health|status|briefing|state|dashboard|system)\b"),
    ("anomalies", 3.2, r"anomal\w*|\boutliers?\b|\bweird\w*|\bodd(?:ly|ities)?\b|\bunusual\w*|\babnormal\w*|\bstrange\w*|\bfunk[ey]\w*|\bfishy\b|misbehav\w*|suspicious|deviat\w*|out of the ordinary|unexpected|irregular\w*|different from (?:its|their|the) (?:peers|rest)|stands? out|off\b.{0,12}\b(?:today|lately)"),
    ("anomalies", 2.6, r"\bspik(?:e|es|ed|ing)\b|\b(?:sudden )?jump(?:s|ed)?\b|\bsurges?\b|\bglitch\w*|sudden|(?:go|went|going|gone) (?:crazy|wild|nuts|haywire|mad|off)|explod\w*|skyrocket\w*|shot up|out of control"),
    ("patterns", 3.4, r"\bpatterns?\b|seasonal\w*|recurr\w*|repeat\w*|periodic\w*|\bcycl\w*|\bleak\w*|same (?:time|hour)|regular\b|at night\b|(?:on|at) (?:weekends|nights|mondays)|every (?:day|week|night|morning|hour|monday|weekend)|each (?:day|week|night|morning|hour)|steadily|constantly grow\w*|keeps? (?:growing|rising|climbing|going up)|slowly (?:grow|ris|climb)\w*|regularly|rhythm|weekly|nightly|hourly|daily|\btrends?\b|trending"),
    ("correlation", 3.8, r"correlat\w*|\brelat(?:ed|es?|ion|ionship)\b|move(?:s)? (?:together|with)|together with|in sync|go(?:es)? along|associated|\blinked\b|\bleads?\b|depends? on|\btracks?\b|unrelated|goes? up with|rises? with|follow(?:s)? (?:the )?(?:cpu|latency|memory|traffic|load|request\w*|error\w*)|connection between|co-?mov\w*|go(?:es)? hand in hand|impact of|affects?|drives?\b"),
    ("forecast", 4.0, r"\bforecast\w*|\bpredict\w*|\bproject(?:ion|ed)\b|\bextrapolat\w*|outlook for (?:cpu|memory|disk|latency)|how (?:long|much time) (?:until|till|before|do we have)|time (?:to|until|till) (?:\d|full|the)"),
    ("forecast", 2.6, r"\bwill\b|\bgoing to\b|\bgonna\b|fill(?:s|ing)? up|run(?:s|ning)? out|\bwhen (?:will|does|do|would|is)\b|be full|gets? full|how full|out of (?:memory|space|disk|room)|about to|expected? (?:to|in)"),
    ("capacity", 3.8, r"\bcapacity\b|head ?room|what if|scal(?:e|ing) (?:out|up)|surviv\w*|handle\b.{0,40}(?:users|load|traffic|percent|%|more|x\b)|cope|withstand|enough (?:capacity|servers|room|headroom|machines|resources|nodes)|what happens if|if .{0,30}(?:dies|fails|grows|doubles|goes down|went down|die|fail|grow|double|triples?)|los(?:e|ing) \w+ .{0,15}(?:server|node|host|machine|instance)|spare|take down|take out|turn off|shut down|remove|decommission|(?:traffic|load|users|requests?) (?:doubles?|triples?|grows?|increases?)|do we die|sizing|provision"),
    ("capacity", 4.0, r"how many (?:more )?\w* ?(?:servers?|nodes?|machines?|instances?|hosts?|boxes) (?:will|would|do|should|must|are) (?:we|i|be)? ?(?:need|required|have to|buy|add)|need(?: to add)? more (?:servers|nodes|machines)"),
    ("compare", 3.8, r"\bcompar\w*|\bversus\b|\bvs\b|\bdiff\b|\bdifferen(?:t|ce|ces)\b|before and after|\bchanged?\b|\bchanges\b|(?:than|against|relative to) (?:yesterday|last|before|usual|the|this|a|an|@)|(?:worse|better|higher|lower|slower|faster|more|less) than|since (?:yesterday|last week)|(?:gone|went|go) (?:up|down) since|regressions?|next to yesterday|how does .* look against"),
    ("recommend", 3.4, r"\brecommend\w*|\bsuggest\w*|\badvi[sc]e\b|what (?:should|must|can|do|would|shall|could|to) (?:i|we|you)? ?(?:to )?(?:do|fix|try|check)\b(?! you)|should (?:i|we) (?:do|fix|restart|try)|next steps?|\bactions?\b|action plan|remediat\w*|mitigat\w*|what now|(?:fix|solve|resolve|repair) (?:this|it|that)\b|what do i do|where (?:do|should) (?:i|we) start|most urgent|priorit\w*|to-?do"),
    ("incidents", 4.2, r"\bincidents?\b|post-?mortems?|\bunresolved\b|(?:past|previous|ongoing|open|current|resolved|active|recent) (?:outages?|incidents?|alerts?|alarms?)|outage (?:list|history|report)|outages\b|incident (?:list|history|report)|\balerts?\b.{0,10}(?:open|firing|list)|(?:list|show|any) (?:of )?(?:the )?(?:open |active )?(?:outages?|alerts?)"),
    ("runbook", 4.4, r"\brunbooks?\b|\bplaybooks?\b|\bprocedures?\b|\bhow[ -]?to\b|how (?:do|can|should|would) (?:i|we|you|one) (?:fix|debug|handle|solve|resolve|recover|roll|restart|rotate|renew|clean|clear|troubleshoot|diagnose|deal|stop|drain|free|find|reduce|tune|prevent|get rid|investigate|check|scale|restore|repair|increase)|steps to|\bremed(?:y|ies)\b|commands? (?:to|for)|what to do (?:when|if|about|for)|\bguide\b|\bmanual\b|best way to|documentation|\bdocs?\b|instructions|how (?:is|are) .{0,30} (?:fixed|solved|handled)|should one|(?<!after the )\bfix(?:es)?\b(?! (?:first|this|it|that))|\bsolution\b|\bcure\b|workaround|renew\b"),
    ("query", 1.6, r"\b(?:show|plot|graph|chart|draw|display|get|give me|values?|current(?:ly)?|average|avg|mean|median|max(?:imum)?|min(?:imum)?|peak|usage|top|highest|lowest|most|how (?:much|high|many|big|long)|what(?:'s| is| was| were| are)|above|over|below|under|exceed\w*|rate|fetch|print|read(?:ings?)?|history)\b"),
    ("metrics", 4.6, r"(?:what|which|list|show|available|all)(?: the| all| me| of| your)*(?: available| supported)? (?:metrics|measurements|series)(?: do| can| are| is| you| there| exist|\b(?! (?:go|are (?:mis|weird|odd|bad|off)|is |mis|move|correlat|changed|spike)))(?!.{0,20}(?:misbehav|together|changed|along))|what (?:data|numbers) (?:do|can|are)|(?:what|which) (?:do|can) you (?:measure|monitor|track|collect)|metric (?:names|list|catalog\w*)|available metrics"),
    ("help", 5.0, r"^\W*(?:help(?: me)?|usage)\W*$|what (?:can|could) (?:you|i) (?:do|ask)|what (?:else )?are you (?:able|for)|how (?:do|can|should) i (?:use|ask|talk|work with)|(?:questions?|things) (?:can|could|may|to) .{0,12}ask|example (?:questions?|queries)|examples of questions|what do you do|your (?:features|capabilities|functions)|how does this (?:work|thing)|who are you|what are you\b(?! doing)|capable of"),
)  # fmt: skip

KOREAN: tuple[tuple[str, float, str], ...] = (
    ("overview", 3.0, r"(?:리전|환경|클러스터|존|센터)(?:은|는|이|가|쪽|쪽은)?(?:요즘|지금|현재|다)?(?:괜찮|멀쩡|문제없|이상없|어때|어떰|무사|안녕)"),
    ("anomalies", 3.6, r"뚝|확(?:뛰|늘|줄|떨어|올라|오른|내려)|급격|폭락|곤두박질|(?:떨어진|줄어든|뛴|치솟은|꺼진)(?:거|것|게|곳|데|적|지표)(?!.{0,4}언제)"),
    ("forecast", 4.4, r"언제(?:쯤)?(?:야|인가|일까|인지|이야|인데|임|이죠|일지)|언제(?:쯤)?(?:다|쯤|까지)?(?:떨어|바닥|없어|끝|찍|닿|이르|동)|(?:찍|닿|이르|도달하|넘|차|채우|떨어지)는(?:게|건|시점|때|날)|(?:얼마|어디)(?:나|까지|쯤)(?:갈|오를|올라갈|될|늘|찰|치솟|내려갈|떨어질)|(?:시간|분|일|주|달|개월)(?:후|뒤)(?:에|엔|에는|의)?.{0,14}(?:얼마|몇|어떻|어떨|어느)"),
    ("capacity", 4.8, r"한(?:계|도)(?:치)?까지(?:는)?(?:얼마|몇|아직|시간|여유)|(?:어디|언제)까지(?:버|견|받)"),
    ("patterns", 4.6, r"패턴(?:이|인|이야|인가|이지|인지)|(?:경향|습관|버릇|리듬)"),
    ("compare", 4.0, r"견줘|견줄|빗대"),
    ("recommend", 5.4, r"(?:방법|방안|대책|해법|수|조치)(?:을|를|좀|이나|도)?(?:제안|추천|조언|권해|골라)|진정시"),
    ("recommend", 5.2, r"(?:재시작|재부팅|롤백|교체)(?:이라도|을|를)?(?:해야|할까|시켜야|하는게)(?!.{0,6}때)"),
    ("runbook", 4.4, r"트러블슈팅|문제해결|(?:어떻게|어케)(?:함|하는거|하는지|하더라)"),
    ("servers", 3.0, r"^[가-힣a-z]{1,8}(?:에|에는|쪽에)(?:캐시|디비|큐|웹|api)?(?:서버|노드|장비|머신|인스턴스|캐시|디비|큐)(?:가|는|도|들이)?있(?:나|어|니|음|는지|냐|습니까|나요|어요)$"),
    ("help", 5.0, r"(?:어떤식|어떤방식|무슨원리)(?:으로)?|(?:동작|작동)(?:방식|원리|방법)|어떻게(?:동작|작동)"),
    ("unknown", 4.6, r"(?:오늘|내일|모레|주말|지금)(?:도|에|은)?비(?:가)?(?:오|올|와)|우산"),
    ("overview", 2.4, r"특별한(?:일|거|것)|컨디션|이슈(?:는|가)?(?:있|없)"),
    ("unhealthy", 3.4, r"(?:손봐야|봐야|고쳐야|살펴야|신경써야|관리해야)(?:할|될|하는)(?:서버|노드|장비|것|거|애)|빌빌|비실|빌빌대|힘들어|버벅"),
    ("anomalies", 3.2, r"심상치|(?<![0-9%프로])이상있|낌새|조짐|이상(?:있|없)(?:었|는)"),
    ("patterns", 4.8, r"시간대(?:가|는)?(?:언제|어떻)|몰리는(?:시간|때)|피크(?:타임|시간)|바쁜시간|한가한시간"),
    ("forecast", 3.4, r"남은(?:날|시간|기간|일수)"),
    ("capacity", 3.9, r"(?:빼도|줄여도|꺼도)(?:안전|괜찮|문제)"),
    ("root_cause", 3.6, r"근원|진원|출처|발단|이러는|이러냐|이런거야|이모양"),
    ("recommend", 4.4, r"어떻게(?:대처|대응|조치|수습)(?:하면|해야|할|하)"),
    ("runbook", 4.2, r"어떻게(?:줄이|줄여|늘려|막아|잡아|풀어|고치나|없애|비워|지워)"),
    ("overview", 2.6, r"(?:다|모두|전부)(?:정상|괜찮|문제없|이상없|멀쩡|안녕)|별일없|인수인계|출근|밤새(?!.{0,6}튀)|하루(?:동안)?어땠|보고해|이상(?:은)?없(?:이|나요|죠|지요|지|니|음|습)|점검한번|상황(?:이|은)?(?:어떤|어떻|어때)"),
    ("unhealthy", 4.4, r"(?:죽을|뻗을|멈출|다운될)(?:것|거|듯|만)?같?은?.{0,4}(?:서버|노드|애|놈|장비)|(?:점수|헬스|건강)(?:가|점수)?(?:이|가)?(?:낮은|나쁜|안좋은)|(?:멈춘|멎은|빨간|느린|병든|이상한|문제)(?:서버|노드|장비)|(?:서버|노드).{0,6}(?:죽었|멈췄|다운|뻗었|내려갔)|(?:안좋은|나쁜)(?:애|놈|것|거|곳|서버|순)"),
    ("servers", 3.2, r"(?:어떤|무슨)(?:서버|노드|장비)(?:들)?(?:이|가|을|를)?(?:있|돌|운영|쓰)|(?:서버|노드|장비)(?:들)?이름"),
    ("anomalies", 3.3, r"튄(?!거패|패)|(?:정상)?범위(?:를)?벗어|이상하지|뭔가(?:이상|다르|수상)|갑자기|폭발|널뛰|요동|(?<![0-9%프로])이상감지|이상한(?:거|것|데|곳|점)"),
    ("patterns", 3.5, r"(?:서서히|조금씩|천천히|슬금슬금|야금야금)|(?:매일|매주|매달|밤|새벽|아침|낮|주말|월요일)마다|매일.{0,8}(?:튀|오르|느려)"),
    ("correlation", 3.9, r"(?:랑|와|과|하고)(?:같이|함께)(?:오르|움직|변|늘|튀)|사이(?:의)?관계|관계(?:가|를|는)?(?:있|알|어|분)|상호|엮여|얽혀|서로"),
    ("forecast", 3.6, r"(?:얼마|며칠|몇일|몇시간|언제)(?:뒤|후|나|쯤|이면|면|까지)?(?:에)?.{0,6}(?:꽉|차|찰|바닥|고갈|다쓰|소진|넘|모자)|바닥(?:나|날)|(?:오를|늘|늘어날|줄|떨어질|느려질|될|찰|넘을|모자랄)(?:까|지|것|거|건|듯)|얼마나(?:오를|늘|될|찰|갈)|소진|다쓰"),
    ("capacity", 3.9, r"(?:사|늘려|증설해|추가해|줄여)(?:야|도)(?:돼|되|할|하|될)|(?:서버|장비|노드)(?:를)?(?:더)?(?:사|구매|추가|늘)|내려도(?:되|돼|괜)|더(?:버틸|버텨|받을|감당|견딜)|(?:몇|\d+|두|세|네|다섯|열)배"),
    ("root_cause", 3.4, r"병목|뭐(?:가)?(?:때문|땜)|(?:뭐|무엇)때문|규명|추적해|어디가(?:문제|원인|느|막)|(?:뭐가|누가|어떤게)(?:느리게|잡아먹|문제|원인|막)|무슨일(?:이)?(?:났|벌어|생|일어)"),
    ("compare", 3.9, r"(?:지난|저번|어제|전)(?:주|달|날)?보다|(?:배포|릴리즈)(?:하고|한|후|이후|뒤|전)?(?:나서)?.{0,12}(?:늘었|줄었|느려|빨라|변|바뀌|달라|올랐|떨어|나빠|있어)|(?:이번|최근|마지막)배포로|와?비교|(?:늘었|줄었|올랐|나빠졌|좋아졌|느려졌|빨라졌)(?:나|어|니|는지|냐|을까)"),
    ("recommend", 3.5, r"뭐(?:를)?(?:하면|해야|할까|하지|부터|먼저)|뭘(?:하면|해야|할까)|빨리(?:해결|고치|조치|복구)|우선순위|(?:할|해야할)(?:일|것|거)|플랜|계획(?:좀|이|을|있)?(?:세|짜|줘|있|알려)"),
    ("incidents", 4.2, r"(?:최근|지난|과거|예전|미해결|해결안된|이번달|이번주|어제|오늘)(?:에)?(?:의)?(?:장애|인시던트|사고)(?!원인|왜|의원인)(?:는|가|들|뭐|있|목|알|보|이|건|리)"),
    ("runbook", 4.4, r"(?:갱신|복구|롤백|재시작|정리|설정|증설|교체|디버깅|진단|대응|대처|처리|튜닝|확보|해제|삭제|복원)(?:은|는|을|를)?(?:어떻게|어케|방법|하는|절차|순서)|(?:걸릴|날|생길|뜰|찰|끊길|느릴|죽을|안될|안뜰|부족할|많을|높을)때|절차|체크리스트|순서(?:좀|알려|대로알려)|해결방법"),
    ("metrics", 4.8, r"(?:수집|측정|모니터링)(?:되는|하는|중인|가능한)(?:항목|지표|메트릭|것|거|데이터|값)|항목(?:목록|리스트|종류)"),
    ("help", 5.0, r"(?:뭘|뭐를|무엇을|무슨질문을?|어떤질문을?|뭐)(?:물어|질문)(?:보|볼|해|하|할)|물어볼수있|어떻게(?:시작|질문|입력)"),
    ("query", 1.8, r"상위|하위|평균|얼마|쓰는지|몇(?:퍼|프로|%|개|초|밀리)|제일|최고"),
    ("root_cause", 3.4, r"왜(?!냐)|원인|까닭|이유(?!식)|근본|범인|어쩌다|무엇때문|뭐때문|뭣때문|뭐땜|머땜|때문(?:에|이)|누구탓|탓이"),
    ("root_cause", 3.0, r"(?:뭐|뭣|무엇|뭔|뭔가|무슨)(?:이|가)?(?:문제|잘못|고장|탓)(?!있|없|일)|문제(?:가|는|점)?(?:이|가|은)?(?:뭐|뭔|무엇|무어)|어디(?:서|에서)(?:부터)?(?:잘못|시작|터진|생긴|꼬인|문제)|진단(?:해|좀|부탁)|분석해"),
    ("root_cause", 1.2, r"느려(?:졌|진|터)|느린(?!쿼리)|터졌|안돼|안됨|안되"),
    ("unhealthy", 3.5, rf"{_KO_SICK}(?:한|한거|인|스러운|중인|된|된거|해보이는|로보이는|태인|상태인)?.{{0,8}}{_KO_THING}|{_KO_THING}(?:들)?(?:중|가운데|중에|중에서)?(?:에서)?.{{0,6}}{_KO_SICK}"),
    ("unhealthy", 1.6, _KO_SICK),
    ("servers", 3.3, r"(?:서버|노드|장비|호스트|인스턴스|머신)(?:가|는|이|들이|들은|들)?(?:총|전부|다해서|모두)?(?:몇|얼마나)(?:대|개)?(?!.{0,5}(?:더|필요|늘|추가))|총?몇대(?!.{0,5}(?:더|필요|늘|추가|빠|죽))|(?:서버|노드|장비|호스트)(?:의)?(?:목록|리스트|개수|수량|명단|대수|갯수)|인벤토리|나열|(?:에|에는)?(?:속한|포함된|소속|있는)(?:서버|노드|장비)|(?:에|에는|쪽에)(?:뭐가|뭐|무슨서버가?|어떤서버가?)(?:있|돌|떠)|(?:서버|노드)(?:들)?(?:은|는|이|가)?(?:뭐뭐|뭐가|뭐|어떤게|어떤것)(?:이|가)?있"),
    ("overview", 2.4, r"별일|별탈|무사|브리핑|한눈에|상황(?:정리|보고|요약|공유|좀|은|이|어)|현황|전반|전체(?:적|상|요약|헬스|상태|서버상)?|다들|멀쩡|요약|문제(?:는|가)?(?:있어|없|있나|있니|있냐|있음|있는지|있을)|이상(?:없|무)|잘(?:돌아가|굴러가|있|되|작동)|정상(?:이|인|적|가동|작동|동작|운영)|(?:시스템|서비스|인프라|전체|서버들?)(?:에|은|는|에는)?(?:별다른)?이상(?:은|이)?없|보고해|어땠|상태점검|오버뷰|전부괜찮|헬스체크|헬스"),
    ("overview", 1.3, r"상태|시스템|인프라|건강|어때|어떰|어떠|어떤가|괜찮|상황|안녕|점검|별로"),
    ("anomalies", 3.3, r"갑자기.{0,6}(?:오른|올라|떨어|늘|줄|높|느려|치|뛰|튄)|폭증|폭주|폭등|미친듯|움직임|(?<![0-9%프로])이상(?:징후|치|탐지|감지|현상|동작|행동|패턴|한|해|하|있|없|값|점|징조|감)|특이(?:사항|점|한|값)|특이|튀(?:는|었|고|어|는데|네)|급증|급등|급락|급감|치솟|솟구|스파이크|비정상|평소(?:랑|와|하고|보다|와는)(?:다르|다른|달라|이상)|(?:혼자|유독|유난히|다르게).{0,6}(?:노는|튀|다른|다르|높|이상)|수상|요상|이상하게|괴상|아웃라이어|벗어난|어노말리|anomal\w*"),
    ("patterns", 3.5, r"패턴|계절|추세|트렌드|주기|반복|누수|릭(?:있|나|이)|새(?:는|고|나|네)(?=거|것|중|있|서버|놈|데|곳|지|$|같|듯|메모)|매일|매주|매시|매번|날마다|꾸준|점점|계속(?:해서)?(?:늘|증가|오르|올라|커|새|쌓)|규칙적|정기적|서서히|(?:밤|새벽|아침|저녁|주말|월요일|점심)마다|요일별|시간대별|일간|주간패턴"),
    ("correlation", 3.9, r"상관|연관|관련(?:있|이|성)|관계|같이(?:움직|변|오르|올라|튀|늘|증가|움)|따라(?:가|움직|오르|올라)|연동|함께(?:움직|변|오르|올라|늘|증가)|(?:늘|오르|높아지|증가하|떨어지|느려지|올라가)면.{0,12}도(?:같이|함께)?(?:늘|오르|높|증가|떨어|느려|올라|줄)|(?:오르|늘|높아지|올라가|떨어지|느려지)면.{0,12}도|영향(?:을|이|있|주|미)|동조|선행|연결(?:돼|되|된)"),
    ("forecast", 4.0, r"예측|전망|예상|내다|추정|며칠(?:이나|을|동안)?(?:버|남|견|더|갈)|이(?:대로|추세|속도)(?:면|라면|로)|얼마나남|며칠남|남은시간|꽉차(?:는|게|려|나|겠|ㄹ)|꽉찰|가득찰|다찰|찰(?:까|것|거|예정|때)|넘을(?:까|것|거|서버|예정|듯)?|도달할|될까|터질(?:까|것|거|듯)|초과할|부족(?:해|해질|할|하게)(?:질|될|까|것|ㄹ)?"),
    ("forecast", 3.4, r"언제(?:쯤)?.{0,10}(?:차|찬|찰|꽉|되|돼|될|넘|도달|부족|터|다쓰|고갈|풀)|(?:되는건|차는건|넘는건|도달하는건)언제|앞으로|향후|조만간|곧|고갈|풀(?:나|찰|차)"),
    ("capacity", 3.9, r"여유|여력|헤드룸|버티|버틸|버텨|견디|견딜|견뎌|감당|증설|한계|더필요|(?:서버|노드|장비).{0,6}(?:더|추가).{0,6}(?:필요|넣|사|늘)|빠지면|빠져도|죽으면|죽어도|다운되면|내려가면|나가면|꺼지면|잃으면|(?<!사)용량(?:계획|산정|분석|전망|은|이|얼마|충분|검토|플랜|괜찮|점검)|스케일(?:아웃|업)|오토스케일|늘려야|(?:늘면|늘어나면|증가하면|몰리면|들어오면|들어와도|늘어도|늘어나도|몰려도|올라가면|오르면)(?:버|견|감|어떻|어찌|괜찮|가능|될|되|문제)|배(?:가)?(?:되면|로늘|늘|되도|돼도|로뛰면)|줄여도|빼도|꺼도|없애도|내려도|충분|캐파|capa|whatif"),
    ("compare", 3.9, r"비교|대비|차이|전후|달라|바뀌|바뀐|변(?:한|했|화|경|동)|보다(?:더)?(?:느|빨|높|낮|늘|줄|많|적|심|나|안|좋|올|떨|응|메|씨|c|디|에|지|트|요|큐|캐|괜)|증감|어제(?:랑|와|하고)(?:.{0,8})(?:다|늘|같|비|차)|다르(?:지|냐|나|니|ㄴ)|다른(?:점|게|거)|견주"),
    ("recommend", 3.5, r"추천|권장|권고|제안|조언|조치(?!가이드|방법은보통)|대응(?!책?매뉴얼)|뭐(?:부터|를|를먼저|먼저|라도)?(?:해야|하면|할까|하지|해줘야|해)|뭘(?:먼저)?(?:해야|하면|할까|하지)|무엇(?:을|부터)(?:먼저)?(?:해야|하면|할까)|어떻게(?:할까|해야(?!하나요)|하면|하지|하죠|고쳐|고치|조치|대응|처리|해결해|해결하|해줘)|어떡|어쩌지|어쩔까|어카|어케(?:해|하|고)|해야(?:돼|되|됨|될|하|할)|할일|액션|우선순위|다음단계|고쳐(?:줘|야|라)|해결해줘|해결책(?:제시|제안|좀|이|을|은|알려|있)|무슨조치|어떤조치|급한(?:것|거|불)"),
    ("incidents", 4.3, r"인시던트|포스트모템|사후(?:분석|보고)|사고(?:보고|이력|목록|기록|리스트|내역|있|몇)?|장애(?:이력|목록|기록|내역|리스트|보고|현황|히스토리|통계|건수|몇|있(?!는서버)|있었|없|났었|발생|조회|가몇|가있)|장애(?:난|났던)?(?:적|일)|장애.{0,6}(?:몇건|보여|목록|조회|리스트)|(?:진행|열린|미해결|안끝난|해결된|끝난|종료된|최근|지난|확인된)(?:중인|안된)?(?:장애|인시던트|사고|알람|알림|경보)|알람(?:목록|뭐|있|보|리스트)|경보(?:목록|있|보)|보고서"),
    ("runbook", 4.5, r"런북|플레이북|매뉴얼|메뉴얼|가이드|절차|명령어|대처|대응법|대응방법|해결(?:방법|법|책(?!제시|제안)|하는|은어떻|어떻)|조치(?:방법|법|가이드)(?!추천)|하는법|하는방법|푸는법|잡는법|고치는(?:법|방법)|줄이는(?:법|방법)|방법(?!은없)|(?:났을|나면|날|찼을|때|뜨면|뜰때|생기면|발생하면|발생시|걸리면|걸렸을때|만료되면|끊기면).{0,8}(?:어떻게|뭘|뭐|어케|해결|조치|대응|대처|확인)|보통어떻게|어떻게(?:잡|푸|풀|줄이|막|복구|늘리|확인하|디버)|노하우"),
    ("query", 1.7, r"보여|얼마|몇(?!대)|평균|최대|최고|최소|최저|그래프|조회|값|제일|가장|많이|높은|낮은|넘는|넘은|이상인|초과|추이|현재|지금|사용률|사용량|수치|알려|뽑아|순으로|순위|상위|차트|쌓여|확인|궁금|지표값|찍"),
    ("metrics", 4.8, r"(?:어떤|무슨)(?:지표|메트릭)(?:들)?(?:이|가|을|를)?있|(?:어떤|무슨|뭔|조회가능한|사용가능한|볼수있는|수집(?:하는|되는|중인))(?:지표|메트릭|항목|데이터)(?:가|를|들|는|이|은)?(?:를)?(?:볼|있|조회|수집|제공|쓸|확인|지원|뭐|$)|(?:지표|메트릭)(?:의)?(?:목록|리스트|종류|이름|전체)|(?:조회|수집)가능한(?:지표|메트릭)|(?:뭘|뭐를|무엇을|뭐)(?:측정|모니터|수집|재)"),
    ("help", 5.0, r"^도움말?$|도움말|도와줘$|사용법|사용방법|쓰는법|쓰는방법|(?:뭐|뭘|무엇을|무엇|무슨일|뭐를)(?:을|를)?할수있|어떻게(?:쓰|사용하|이용하|물어|질문)|질문(?:예시|예제|샘플|방법|목록|뭐)|(?:예시|예제)(?:좀|를|질문|보)|기능(?:이|은|좀|설명|뭐|목록)|너(?:는)?(?:누구|뭐야|뭐하는)"),
)  # fmt: skip

FLEET_WORDS = (
    r"\b(?:servers?|inventory|hosts?|machines?|nodes?|fleet|clusters?|prod|production|staging|infra\w*|systems?|deploy\w*|outages?|services?|metrics?|site|website|"
    r"app|backend|frontend|boxes|instances?|incidents?|alerts?|ops|uptime|kubernetes|k8s|pods?)\b"
    r"|서버|노드|장비|클러스터|시스템|인프라|운영|장애|배포|서비스|지표|메트릭|사이트|머신|호스트|인스턴스|프로덕션|스테이징|모니터링|쿠버|파드"
)
"""Words that show that a question is about servers at all."""
