"""One question of each kind in English and in Korean, for tests that ask them all."""

from __future__ import annotations

ASKED: dict[str, tuple[str, str]] = {
    "overview": ("how's the fleet doing?", "전체 상태 요약해줘"),
    "unhealthy": ("which servers are in danger right now?", "지금 위험한 서버는?"),
    "servers": ("how many web servers do we have?", "디비 서버 전부 나열해줘"),
    "describe": ("how is api-03 doing?", "웹 3번 서버 상태"),
    "anomalies": ("any anomalies in the last hour?", "이상 징후 있어?"),
    "patterns": ("any memory leaks?", "메모리 누수 있는 서버 있어?"),
    "correlation": ("does cpu correlate with latency?", "cpu랑 응답시간 상관관계 있어?"),
    "forecast": ("will any disk be full next week?", "다음 주에 디스크 꽉 차는 서버 있어?"),
    "capacity": ("what if traffic grows 30%?", "api 서버 1대 빠지면 어떻게 돼?"),
    "root_cause": ("what's causing the errors?", "지금 장애 근본 원인 분석해주세요"),
    "compare": ("compare cpu of web cluster today vs yesterday", "최근 1시간을 그 전 1시간과 비교"),
    "recommend": ("what should I do now?", "뭐부터 해야 돼?"),
    "incidents": ("list open incidents", "장애 이력 조회"),
    "runbook": ("how do I fix a full disk?", "디스크 꽉 찼을 때 해결 방법"),
    "query": ("top 5 servers by cpu", "메모리 가장 많이 먹는 서버가 뭐임"),
    "metrics": ("what metrics do you have?", "메트릭 목록"),
    "help": ("what can you do?", "도움말"),
    "unknown": ("what's the weather in paris?", "김치찌개 레시피 알려줘"),
}
